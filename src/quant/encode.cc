#include "quant/encode.h"

#include <algorithm>
#include <cmath>

namespace assay::quant {
namespace {

constexpr AffineSteps kImportanceSteps = {-0.9F, 0.05F, 36, false};

/// For each eight blocks of 32 values of a row: search(values, weights, integers of the eight).
template <typename Search>
void encode_eight(const float* row, std::size_t width, const float* importance, PutTogether put,
                  std::size_t block_bytes, std::byte* blocks, Search search) {
  const float variance = sum_of_squares(row, width) / static_cast<float>(width);
  const auto weights_of = [&](std::size_t at, float* block_weights) {
    importance_weights(row + at, importance + at, variance, 32, block_weights);
  };
  for (std::size_t first = 0; first < width; first += kSearched) {
    float x[kSearched];
    float weights[kSearched];
    const std::size_t used = take_eight_blocks(row, width, first, weights_of, x, weights);
    BlockIntegers integers[8];
    search(x, weights, integers);
    for (std::size_t i = 0; i < used; ++i, blocks += block_bytes) put(integers[i], blocks);
  }
}

/// Weights of one block without an importance: absolute errors count by |x|, squares by the group's rms + |x|.
template <int kGroup>
void plain_weights(const float* x, bool is_absolute, float* weights) {
  for (int group = 0; group < 256 / kGroup; ++group, x += kGroup, weights += kGroup) {
    const float rms = is_absolute ? 0.0F : std::sqrt(sum_of_squares(x, kGroup) / static_cast<float>(kGroup));
    for (int i = 0; i < kGroup; ++i) weights[i] = rms + absolute(x[i]);
  }
}

/// Integers 0 .. most for values that are not negative, the largest becoming `most`. Returns the scale.
float quantize_scales(const float* values, int count, int most, std::int32_t* quant) {
  const float largest = std::max(0.0F, *std::max_element(values, values + count));
  const float inverse = largest > 0 ? static_cast<float>(most) / largest : 0.0F;
  for (int i = 0; i < count; ++i) {
    const auto rounded = static_cast<std::uint8_t>(nearest_int(inverse * values[i]));
    quant[i] = std::min<int>(most, rounded);
  }
  return largest / static_cast<float>(most);
}

/// The same by a search.
template <int kCount>
float search_scales(const float* values, const float* weight, int most, std::int32_t* quant) {
  std::uint8_t found[kCount];
  const float scale = search_positive<kCount>(values, weight, most, found);
  std::copy_n(found, kCount, quant);
  return scale;
}

template <int kGroup>
void encode_affine(const float* x, const float* importance, const AffineRule& rule, BlockIntegers& integers) {
  constexpr int kGroups = 256 / kGroup;
  float weights[256];
  AffineGroups groups;
  if (importance == nullptr) {
    plain_weights<kGroup>(x, rule.plain.is_absolute, weights);
    searches().affine(x, weights, kGroup, rule.most_quant, rule.plain, groups, integers.quant);
    integers.d = round_to_half(quantize_scales(groups.scale, kGroups, rule.most_scale, integers.scale));
    integers.dmin = round_to_half(quantize_scales(groups.minimum, kGroups, rule.most_scale, integers.min));
  } else {
    importance_weights(x, importance, rule.variance * sum_of_squares(x, 256) / 256.0F, 256, weights);
    searches().affine(x, weights, kGroup, rule.most_quant, kImportanceSteps, groups, integers.quant);
    integers.d = round_to_half(search_scales<kGroups>(groups.scale, groups.weight, rule.most_scale, integers.scale));
    integers.dmin = round_to_half(search_scales<kGroups>(groups.minimum, groups.weight, rule.most_scale, integers.min));
  }
  for (int group = 0; group < kGroups; ++group) {
    const float scale = integers.d * static_cast<float>(integers.scale[group]);
    if (scale == 0.0F) continue;
    const float minimum = integers.dmin * static_cast<float>(integers.min[group]);
    for (int i = kGroup * group; i < kGroup * (group + 1); ++i)
      integers.quant[i] =
          static_cast<std::int16_t>(std::clamp(nearest_int((x[i] + minimum) / scale), 0, rule.most_quant));
  }
}

}  // namespace

float sum_of_squares(const float* x, std::size_t count) {
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += x[i] * x[i];
  return sum;
}

void importance_weights(const float* x, const float* importance, float variance, std::size_t count, float* weights) {
  for (std::size_t i = 0; i < count; ++i) weights[i] = importance[i] * std::sqrt(variance + x[i] * x[i]);
}

void encode_signed_row(const float* row, std::size_t width, const float* importance, int half, PutTogether put,
                       std::size_t block_bytes, std::byte* blocks) {
  const auto search = [half](const float* x, const float* weights, BlockIntegers* integers) {
    float scale[8];
    std::int16_t quant[kSearched];
    searches().of_signed(x, weights, 32, half, scale, quant);
    for (int i = 0; i < 8; ++i) {
      integers[i].d = scale[i];
      std::copy_n(quant + 32 * i, 32, integers[i].quant);
    }
  };
  encode_eight(row, width, importance, put, block_bytes, blocks, search);
}

void encode_affine_row(const float* row, std::size_t width, const float* importance, int most, PutTogether put,
                       std::size_t block_bytes, std::byte* blocks) {
  const auto search = [most](const float* x, const float* weights, BlockIntegers* integers) {
    AffineGroups groups;
    std::int16_t quant[kSearched];
    searches().affine(x, weights, 32, most, kImportanceSteps, groups, quant);
    for (int i = 0; i < 8; ++i) {
      integers[i].d = groups.scale[i];
      integers[i].dmin = -groups.minimum[i];
      std::copy_n(quant + 32 * i, 32, integers[i].quant);
    }
  };
  encode_eight(row, width, importance, put, block_bytes, blocks, search);
}

void encode_affine_block(const float* x, const float* importance, const AffineRule& rule, BlockIntegers& integers) {
  if (rule.group_values == 16) {
    encode_affine<16>(x, importance, rule, integers);
  } else {
    encode_affine<32>(x, importance, rule, integers);
  }
}

float extreme_scale(const float* scale) {
  float magnitude;
  return find_extreme<16>(scale, magnitude);
}

void quantize_again(const float* x, int half, BlockIntegers& integers) {
  for (int group = 0; group < 16; ++group) {
    const float scale = integers.d * static_cast<float>(integers.scale[group]);
    if (scale == 0.0F) continue;
    for (int i = 16 * group; i < 16 * (group + 1); ++i)
      integers.quant[i] = static_cast<std::int16_t>(std::clamp(nearest_int(x[i] / scale), -half, half - 1));
  }
}

}  // namespace assay::quant

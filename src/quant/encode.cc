#include "quant/encode.h"

#include <algorithm>
#include <cmath>

namespace assay::quant {
namespace {

constexpr AffineSteps kImportanceSteps = {-0.9F, 0.05F, 36, false};

/// Four groups' quants to their places.
template <int kGroup>
void scatter(const Lanes* values, int subtract, std::int16_t* quant) {
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < kGroup; ++i)
      quant[lane * kGroup + i] = static_cast<std::int16_t>(static_cast<int>(values[i][lane]) - subtract);
  }
}

template <int kGroup>
void gather_all(const float* values, Lanes* lanes) {
  for (int i = 0; i < kGroup; ++i) lanes[i] = gather(values, kGroup, i);
}

/// For each four blocks of 32 values of a row: encode_four(values, weights, integers of the four).
template <typename EncodeFour>
void in_fours(const float* row, std::size_t width, const float* importance, PutTogether put, std::size_t block_bytes,
              std::byte* blocks, EncodeFour encode_four) {
  const float variance = sum_of_squares(row, width) / static_cast<float>(width);
  const auto weights_of = [&](std::size_t at, float* block_weights) {
    importance_weights(row + at, importance + at, variance, 32, block_weights);
  };
  for (std::size_t first = 0; first < width; first += 32 * kLanes) {
    float x[32 * kLanes];
    float weights[32 * kLanes];
    const std::size_t used = take_four_blocks(row, width, first, weights_of, x, weights);
    Lanes values[32];
    Lanes lane_weights[32];
    gather_all<32>(x, values);
    gather_all<32>(weights, lane_weights);
    BlockIntegers integers[kLanes];
    encode_four(values, lane_weights, integers);
    for (std::size_t lane = 0; lane < used; ++lane, blocks += block_bytes) put(integers[lane], blocks);
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

struct Groups {
  float scale[kMaxGroups];
  float minimum[kMaxGroups];
  float weight[kMaxGroups];
};

template <int kGroup>
void search_groups(const float* x, const float* weights, int most, const AffineSteps& steps, Groups& groups,
                   std::int16_t* quant) {
  for (int first = 0; first < 256 / kGroup; first += kLanes) {
    Lanes values[kGroup];
    Lanes lane_weights[kGroup];
    gather_all<kGroup>(x + first * kGroup, values);
    gather_all<kGroup>(weights + first * kGroup, lane_weights);
    Lanes total = {};
    for (int i = 0; i < kGroup; ++i) total += lane_weights[i];
    Lanes quants[kGroup];
    Lanes minimum;
    const Lanes scale = search_affine<kGroup>(values, lane_weights, most, steps, quants, minimum);
    scatter<kGroup>(quants, 0, quant + first * kGroup);
    for (int lane = 0; lane < kLanes; ++lane) {
      groups.scale[first + lane] = scale[lane];
      groups.minimum[first + lane] = minimum[lane];
      groups.weight[first + lane] = total[lane];
    }
  }
}

/// Integers 0 .. most for values that are not negative, the largest becoming `most`. Returns the scale.
float quantize_scales(const float* values, int count, int most, std::int16_t* quant) {
  const float largest = std::max(0.0F, *std::max_element(values, values + count));
  const float inverse = largest > 0 ? static_cast<float>(most) / largest : 0.0F;
  for (int i = 0; i < count; ++i) {
    const auto rounded = static_cast<std::uint8_t>(nearest_int(inverse * values[i]));
    quant[i] = static_cast<std::int16_t>(std::min<int>(most, rounded));
  }
  return largest / static_cast<float>(most);
}

/// The same by a search.
template <int kCount>
float search_scales(const float* values, const float* weight, int most, std::int16_t* quant) {
  std::uint8_t found[kCount];
  const float scale = search_positive<kCount>(values, weight, most, found);
  std::copy_n(found, kCount, quant);
  return scale;
}

template <int kGroup>
void encode_affine(const float* x, const float* importance, const AffineRule& rule, BlockIntegers& integers) {
  constexpr int kGroups = 256 / kGroup;
  float weights[256];
  Groups groups;
  if (importance == nullptr) {
    plain_weights<kGroup>(x, rule.plain.is_absolute, weights);
    search_groups<kGroup>(x, weights, rule.most_quant, rule.plain, groups, integers.quant);
    integers.d = round_to_half(quantize_scales(groups.scale, kGroups, rule.most_scale, integers.scale));
    integers.dmin = round_to_half(quantize_scales(groups.minimum, kGroups, rule.most_scale, integers.min));
  } else {
    importance_weights(x, importance, rule.variance * sum_of_squares(x, 256) / 256.0F, 256, weights);
    search_groups<kGroup>(x, weights, rule.most_quant, kImportanceSteps, groups, integers.quant);
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
  in_fours(row, width, importance, put, block_bytes, blocks,
           [half](const Lanes* x, const Lanes* weights, BlockIntegers* integers) {
             Lanes quants[32];
             const Lanes d = search_signed<32>(x, weights, half, quants);
             for (int lane = 0; lane < kLanes; ++lane) {
               integers[lane].d = d[lane];
               for (int i = 0; i < 32; ++i)
                 integers[lane].quant[i] = static_cast<std::int16_t>(static_cast<int>(quants[i][lane]) - half);
             }
           });
}

void encode_affine_row(const float* row, std::size_t width, const float* importance, int most, PutTogether put,
                       std::size_t block_bytes, std::byte* blocks) {
  in_fours(row, width, importance, put, block_bytes, blocks,
           [most](const Lanes* x, const Lanes* weights, BlockIntegers* integers) {
             Lanes quants[32];
             Lanes minimum;
             const Lanes d = search_affine<32>(x, weights, most, kImportanceSteps, quants, minimum);
             for (int lane = 0; lane < kLanes; ++lane) {
               integers[lane].d = d[lane];
               integers[lane].dmin = -minimum[lane];
               for (int i = 0; i < 32; ++i) integers[lane].quant[i] = static_cast<std::int16_t>(quants[i][lane]);
             }
           });
}

void encode_affine_block(const float* x, const float* importance, const AffineRule& rule, BlockIntegers& integers) {
  if (rule.group_values == 16) {
    encode_affine<16>(x, importance, rule, integers);
  } else {
    encode_affine<32>(x, importance, rule, integers);
  }
}

void search_signed_groups(const float* x, const float* weights, int half, float* scale, std::int16_t* quant) {
  for (int first = 0; first < 16; first += kLanes) {
    Lanes values[16];
    Lanes lane_weights[16];
    Lanes quants[16];
    gather_all<16>(x + 16 * first, values);
    gather_all<16>(weights + 16 * first, lane_weights);
    const Lanes found = search_signed<16>(values, lane_weights, half, quants);
    scatter<16>(quants, half, quant + 16 * first);
    for (int lane = 0; lane < kLanes; ++lane) scale[first + lane] = found[lane];
  }
}

void refine_signed_groups(const float* x, int half, float* scale, std::int16_t* quant) {
  for (int first = 0; first < 16; first += kLanes) {
    Lanes values[16];
    Lanes quants[16];
    gather_all<16>(x + 16 * first, values);
    const Lanes found = refine_signed<16>(values, half, quants);
    scatter<16>(quants, half, quant + 16 * first);
    for (int lane = 0; lane < kLanes; ++lane) scale[first + lane] = found[lane];
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

#include "tests/kernels/weights.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>

#include "kernels/amx_table.h"
#include "quant/half.h"

namespace assay::kernels::test {
namespace {

constexpr std::uint32_t kMxfp4 = 39;  // its scale is a byte, the exponent of a power of two
constexpr std::uint32_t kNvfp4 = 40;  // its scales are bytes, E4M3
constexpr std::uint32_t kQ8K = 15;    // its scale is a float
constexpr std::uint32_t kIq1M = 29;   // its scale's nibbles stand in the upper bits of four words

/// Byte offsets of the f16 scales in a block, by type id.
std::vector<std::size_t> half_offsets(std::uint32_t id) {
  switch (id) {
    case 3:  // Q4_1
    case 7:  // Q5_1
    case 12:
    case 13:
      return {0, 2};
    case 10:
      return {80, 82};
    case 11:
      return {108};
    case 14:
      return {208};
    case 34:  // TQ1_0
      return {52};
    case 35:  // TQ2_0
      return {64};
    case 9:  // Q8_1
      return {0, 2};
    case kMxfp4:
    case kNvfp4:
    case kIq1M:
    case kQ8K:
      return {};
    default:
      return {0};
  }
}

void set_spread_half(std::uint16_t half, std::byte* block) {
  for (int i = 0; i < 4; ++i) {
    std::byte& upper = block[49 + 2 * i];
    upper = (upper & std::byte{15}) | static_cast<std::byte>((half >> (4 * i) & 15) << 4);
  }
}

void set_float(float value, std::byte* field) { std::memcpy(field, &value, sizeof value); }

std::uint16_t random_half(Fields fields, std::mt19937_64& random) {
  constexpr std::uint16_t kStrange[] = {0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00};
  if (fields == Fields::extreme && random() % 40 == 0) return kStrange[random() % std::size(kStrange)];
  return quant::float_to_half(std::uniform_real_distribution<float>(-0.02F, 0.02F)(random));
}

void fill_float(const quant::Type& type, std::byte* value, Fields fields, std::mt19937_64& random) {
  constexpr std::uint32_t kStrange[] = {0x00000000, 0x80000000, 0x00000001, 0x807FFFFF,
                                        0x7F7FFFFF, 0x7F800000, 0x7FC00000};
  float drawn = std::normal_distribution<float>(0.0F, 0.05F)(random);
  // Rare, so that not every sum becomes infinite or NaN.
  if (fields == Fields::extreme && random() % 1000 == 0) {
    std::memcpy(&drawn, &kStrange[random() % std::size(kStrange)], sizeof drawn);
  }
  store_value(type, drawn, value);
}

}  // namespace

#if defined(__x86_64__)
extern const Kernels kEmulatedAmxKernels;  // emulated_amx.cc
#endif

std::vector<const char*> vector_isas() {
#if defined(__x86_64__)
  return {"avx2", "avx512", "zen4", "amx"};
#elif defined(__aarch64__)
  return {"neon", "i8mm"};
#else
  return {};
#endif
}

std::vector<const char*> product_isas() {
  std::vector<const char*> isas = vector_isas();
#if defined(__x86_64__)
  isas.push_back(kEmulatedAmxKernels.isa);
#endif
  return isas;
}

const Kernels* find_table(const char* isa) {
#if defined(__x86_64__)
  static const Kernels emulated = [] {
    const Kernels* avx512 = find_kernels("avx512");
    return avx512 == nullptr ? Kernels{} : with_products(*avx512, kEmulatedAmxKernels);
  }();
  if (std::string_view(isa) == kEmulatedAmxKernels.isa) return emulated.isa == nullptr ? nullptr : &emulated;
#endif
  return find_kernels(isa);
}

std::vector<std::uint32_t> type_ids() {
  std::vector<std::uint32_t> ids;
  for (const quant::Type* type : quant::all_types())
    if (type->is_decodable()) ids.push_back(type->id);
  return ids;
}

std::vector<std::uint32_t> quantized_ids() {
  std::vector<std::uint32_t> ids = type_ids();
  std::erase_if(ids, [](std::uint32_t id) { return !quant::find_type(id)->is_quantized(); });
  return ids;
}

void store_value(const quant::Type& type, float value, std::byte* field) {
  std::uint64_t bits = 0;
  if (type.name == "F32") {
    bits = std::bit_cast<std::uint32_t>(value);
  } else if (type.name == "F64") {
    bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
  } else if (type.name == "F16") {
    bits = quant::float_to_half(value);
  } else if (type.name == "BF16") {
    bits = quant::float_to_bfloat(value);
  } else {
    bits = std::fabs(value) < 1 ? static_cast<std::uint64_t>(std::lrint(value * 100)) : 1;
  }
  std::memcpy(field, &bits, type.block_bytes);
}

std::vector<std::byte> random_rows(const quant::Type& type, std::size_t rows, std::size_t width, Fields fields,
                                   std::mt19937_64& random) {
  std::vector<std::byte> bytes(rows * row_bytes(type, width));
  for (std::size_t at = 0; at < bytes.size(); at += type.block_bytes) {
    std::byte* block = bytes.data() + at;
    if (!type.is_quantized()) {
      fill_float(type, block, fields, random);
      continue;
    }
    const auto kind = random() % 16;
    for (std::size_t i = 0; i < type.block_bytes; ++i) {
      block[i] = static_cast<std::byte>(random());
      if (fields == Fields::extreme && kind == 0) block[i] = std::byte{0xFF};
      if (fields == Fields::extreme && kind == 1) block[i] = std::byte{0x80};
      if (fields == Fields::extreme && kind == 2) block[i] = std::byte{0x00};
    }
    for (const std::size_t offset : half_offsets(type.id)) {
      const std::uint16_t half = random_half(fields, random);
      std::memcpy(block + offset, &half, sizeof half);
    }
    if (type.id == kIq1M) set_spread_half(random_half(fields, random), block);
    if (type.id == kQ8K) set_float(quant::half_to_float(random_half(fields, random)), block);
    if (type.id == kMxfp4 && fields == Fields::plain) block[0] = static_cast<std::byte>(112 + random() % 16);
  }
  return bytes;
}

void set_scales_to_one(const quant::Type& type, std::byte* block) {
  const std::uint16_t one = quant::float_to_half(1.0F);
  for (const std::size_t offset : half_offsets(type.id)) std::memcpy(block + offset, &one, sizeof one);
  if (type.id == kMxfp4) block[0] = std::byte{128};
  if (type.id == kNvfp4) std::memset(block, 0x40, 4);
  if (type.id == kIq1M) set_spread_half(one, block);
  if (type.id == kQ8K) set_float(1, block);
}

ExactProduct exact_product(const quant::Type& type, const std::byte* row, const Activations& x) {
  ExactProduct result;
  quant::BlockIntegers integers;
  const std::size_t values = type.block_values;
  // Both terms by themselves, because each is rounded before they cancel: five roundings a block.
  const auto add = [&](double d, auto&& integer) {
    double scaled = 0;
    double min = 0;
    for (std::size_t i = 0; i < values; ++i) {
      const auto group = i / static_cast<std::size_t>(integers.group_values);
      scaled += integer(i) * integers.scale[group] * integers.quant[i];
      min += integer(i) * integers.min[group];
    }
    scaled *= static_cast<double>(integers.d) * d;
    min *= static_cast<double>(integers.dmin) * d;
    result.value += scaled - min;
    result.roundings += 5 * (std::fabs(scaled) + std::fabs(min) + 0.5 * (std::fabs(result.value) + std::fabs(scaled)));
  };
  for (std::size_t block = 0; block < x.width / values; ++block) {
    type.take_apart(row + block * type.block_bytes, integers);
    add(static_cast<double>(x.d[block]), [&](std::size_t i) { return activation(x, block * values + i); });
    if (x.remainder_d[block] == 0) continue;
    ++result.remainders;
    add(static_cast<double>(x.remainder_d[block]),
        [&](std::size_t i) { return static_cast<double>(x.remainder[block * values + i]); });
  }
  return result;
}

std::vector<float> random_values(std::size_t count, std::mt19937_64& random, float outlier) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random) * (random() % 50 == 0 ? outlier : 1.0F);
  return values;
}

Batch::Batch(const Kernels& kernels, const std::vector<float>& values, std::size_t tokens, std::size_t block_values)
    : tokens_(tokens), width_(values.size() / tokens), block_values_(block_values), f32_(values) {
  if (block_values == 1) return;
  quantized_.resize(tokens * QuantizedRows::row_bytes(width_, block_values) / sizeof(float));
  for (std::size_t token = 0; token < tokens; ++token)
    kernels.quantize(f32_.data() + token * width_, width_, block_values, rows().row(token));
}

QuantizedRows Batch::rows() {
  return {reinterpret_cast<std::byte*>(quantized_.data()), tokens_, width_, block_values_};
}

Activations Batch::view(std::size_t begin, std::size_t tokens) {
  if (block_values_ != 1) return rows().view(begin, tokens);
  Activations x;
  x.tokens = tokens;
  x.width = width_;
  x.block_values = block_values_;
  x.f32 = f32_.data() + begin * width_;
  return x;
}

}  // namespace assay::kernels::test

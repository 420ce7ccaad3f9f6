#include "kernels/amx_table.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/activations.h"
#include "quant/type.h"

namespace assay::kernels {
namespace {

constexpr std::size_t kRows = 17;
constexpr std::size_t kTokens = 17;
constexpr std::size_t kWidth = 256;

/// Words that are harmless as halves: finite, near 1.
std::vector<std::uint16_t> weight_words(std::size_t count) {
  std::vector<std::uint16_t> words(count);
  std::uint32_t state = 1;
  for (std::uint16_t& word : words) {
    state = state * 1664525 + 1013904223;
    word = static_cast<std::uint16_t>((state >> 16 & 0x83CF) | 0x3C30);
  }
  return words;
}

/// Between -1 and 1, but for an outlier in every third token.
std::vector<float> token_values() {
  std::vector<float> values(kTokens * kWidth);
  std::uint32_t state = 2;
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    value = static_cast<float>(static_cast<std::int32_t>(state)) * 0x1p-31F;
  }
  for (std::size_t token = 0; token < kTokens; token += 3) values[token * kWidth + token] = 1000.0F;
  return values;
}

std::vector<float> small_product(const Kernels& kernels, const quant::Type& type, const std::vector<float>& values) {
  const std::size_t row_bytes = kWidth / type.block_values * type.block_bytes;
  const auto weights = weight_words(kRows * row_bytes / sizeof(std::uint16_t));
  std::vector<float> memory(kTokens * QuantizedRows::row_bytes(kWidth, type.block_values) / sizeof(float));
  const QuantizedRows rows(reinterpret_cast<std::byte*>(memory.data()), kTokens, kWidth, type.block_values);
  for (std::size_t token = 0; token < kTokens; ++token)
    kernels.quantize(values.data() + token * kWidth, kWidth, type.block_values, rows.row(token));
  std::vector<float> out(kRows * kTokens);
  kernels.product[type.id](reinterpret_cast<const std::byte*>(weights.data()), row_bytes, kRows, rows.view(),
                           out.data(), kRows);
  return out;
}

}  // namespace

Kernels with_products(Kernels table, const Kernels& products) {
  table.isa = products.isa;
  for (std::size_t id = 0; id < kMaxTypes; ++id)
    if (products.product[id] != nullptr) table.product[id] = products.product[id];
  return table;
}

bool products_agree(const Kernels& a, const Kernels& b) {
  // Blocks of 32; of 256 in one plane, and in two; the latter two with minimums.
  constexpr std::uint32_t kIds[] = {8, 10, 12};
  const auto values = token_values();
  for (const std::uint32_t id : kIds) {
    const quant::Type& type = *quant::find_type(id);
    const auto ours = small_product(a, type, values);
    const auto others = small_product(b, type, values);
    if (std::memcmp(ours.data(), others.data(), ours.size() * sizeof(float)) != 0) return false;
  }
  return true;
}

}  // namespace assay::kernels

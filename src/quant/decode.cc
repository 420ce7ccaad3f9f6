// Decoding in float64, and the search for values that are no numbers: the same for every type.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "quant/block.h"

namespace assay::quant {
namespace {

bool all_finite(const float* values, std::size_t count) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    found |= (std::bit_cast<std::uint32_t>(values[i]) & kExponent) == kExponent ? 1U : 0U;
  }
  return found == 0;
}

}  // namespace

void decode_exact(const Type& type, const std::byte* blocks, std::size_t block_count, double* values) {
  assert(type.is_decodable());
  if (type.decode_exact != nullptr) {
    type.decode_exact(blocks, block_count, values);
    return;
  }
  // A float type: its values are float32 numbers.
  constexpr std::size_t kChunk = 256;
  float chunk[kChunk];
  for (std::size_t at = 0; at < block_count; at += kChunk) {
    const std::size_t count = std::min(kChunk, block_count - at);
    type.decode(blocks + at * type.block_bytes, count, chunk);
    std::copy_n(chunk, count, values + at);
  }
}

std::size_t find_non_finite_block(const Type& type, const std::byte* blocks, std::size_t block_count) {
  assert(type.is_decodable());
  float chunk[kMaxBlockValues];
  const std::size_t chunk_blocks = kMaxBlockValues / type.block_values;
  for (std::size_t at = 0; at < block_count; at += chunk_blocks) {
    const std::size_t blocks_here = std::min(chunk_blocks, block_count - at);
    const std::size_t count = blocks_here * type.block_values;
    type.decode(blocks + at * type.block_bytes, blocks_here, chunk);
    if (!all_finite(chunk, count)) {
      const float* bad = std::find_if(chunk, chunk + count, [](float value) { return !std::isfinite(value); });
      return at + static_cast<std::size_t>(bad - chunk) / type.block_values;
    }
  }
  return block_count;
}

}  // namespace assay::quant

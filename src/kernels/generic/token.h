// A token of a batch, and fields of blocks, which stand at any address.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace assay::kernels {
namespace {

using Byte = std::uint8_t;

/// Rows that are computed together with one token.
inline constexpr std::size_t kTile = 8;

/// One token's part of Activations.
struct Token {
  const std::int8_t* hi;
  const std::uint8_t* lo;
  const float* d;
  const std::int32_t* sums;
  const std::int8_t* remainder;
  const float* remainder_d;
  const std::int32_t* remainder_sums;
};

inline Token token_of(const Activations& x, std::size_t token) {
  const std::size_t value = token * x.width;
  const std::size_t block = token * (x.width / x.block_values);
  const std::size_t group = token * (x.width / 16);
  return {x.hi + value,
          x.lo + value,
          x.d + block,
          x.sums + group,
          x.remainder + value,
          x.remainder_d + block,
          x.remainder_sums + group};
}

inline std::uint16_t load_word(const Byte* p) {
  std::uint16_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}
inline std::uint32_t load_double_word(const Byte* p) {
  std::uint32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}
inline std::uint64_t load_quad_word(const Byte* p) {
  std::uint64_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

}  // namespace
}  // namespace assay::kernels

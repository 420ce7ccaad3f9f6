// Inputs for the kernels' tests: random weight rows of any type, and activations made of them by a table's own
// quantize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/activations.h"
#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay::kernels::test {

/// Ids of the types that have products of their own for every instruction set.
inline constexpr std::uint32_t kTypeIds[] = {0, 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20};
/// The quantized ones; TQ1_0, TQ2_0 and IQ4_XS have the scalar product alone.
inline constexpr std::uint32_t kQuantizedIds[] = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 34, 35};

/// How wild the fields of random blocks are.
enum class Fields {
  plain,    ///< quants and sub-scales over their whole range, f16 scales around 2^-7
  extreme,  ///< now and then every bit of a block set or clear, and f16 scales that are 0, subnormal, huge, infinite or
            ///< NaN
};

/// `rows` rows of `width` values, row_bytes apart (the natural distance).
std::vector<std::byte> random_rows(const quant::Type& type, std::size_t rows, std::size_t width, Fields fields,
                                   std::mt19937_64& random);

inline std::size_t row_bytes(const quant::Type& type, std::size_t width) {
  return width / type.block_values * type.block_bytes;
}

/// Normal values; one in fifty is `outlier` times as large.
std::vector<float> random_values(std::size_t count, std::mt19937_64& random, float outlier = 30);

/// Activations that own their memory.
class Batch {
 public:
  /// `values` is [tokens, width]; block_values as the weights' type has it.
  Batch(const Kernels& kernels, const std::vector<float>& values, std::size_t tokens, std::size_t block_values);

  Activations view() { return view(0, tokens_); }
  /// Tokens begin, begin + 1, ... alone.
  Activations view(std::size_t begin, std::size_t tokens);

 private:
  QuantizedRows rows();

  std::size_t tokens_, width_, block_values_;
  std::vector<float> f32_;
  std::vector<float> quantized_;
};

}  // namespace assay::kernels::test

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

/// Under an emulator of another CPU everything takes ten times as long: fewer shapes.
#if defined(ASSAY_EMULATED)
inline constexpr bool kIsEmulated = true;
#else
inline constexpr bool kIsEmulated = false;
#endif

/// The instruction sets of this build beside scalar, worst to best; the machine may lack some.
std::vector<const char*> vector_isas();
/// The same and, on x86, "emulated_amx": AMX's products over tiles in plain C++.
std::vector<const char*> product_isas();
/// By a name of product_isas(); null where this machine lacks it.
const Kernels* find_table(const char* isa);

/// Ids of all types that can be decoded.
std::vector<std::uint32_t> type_ids();
/// The quantized ones among them.
std::vector<std::uint32_t> quantized_ids();

/// How wild the fields of random blocks are.
enum class Fields {
  plain,    ///< quants and sub-scales over their whole range, f16 scales around 2^-7, powers of two around it
  extreme,  ///< now and then every bit of a block set or clear, and scales that are 0, subnormal, huge, infinite or NaN
};

/// A value of a type without blocks; of integer types a hundred times it, 1 where that is no small integer.
void store_value(const quant::Type& type, float value, std::byte* field);

/// `rows` rows of `width` values, row_bytes apart (the natural distance).
std::vector<std::byte> random_rows(const quant::Type& type, std::size_t rows, std::size_t width, Fields fields,
                                   std::mt19937_64& random);

/// Every scale of a block is 1.
void set_scales_to_one(const quant::Type& type, std::byte* block);

inline std::size_t row_bytes(const quant::Type& type, std::size_t width) {
  return width / type.block_values * type.block_bytes;
}

/// Normal values; one in fifty is `outlier` times as large.
std::vector<float> random_values(std::size_t count, std::mt19937_64& random, float outlier = 30);

/// One output of a product: the exact dot product of a row's integers with those of token 0 of x, in float64.
struct ExactProduct {
  double value = 0;
  double roundings = 0;        ///< what the float32 steps of the specification may add up to in units of 2^-24
  std::size_t remainders = 0;  ///< blocks that have one
};
ExactProduct exact_product(const quant::Type& type, const std::byte* row, const Activations& x);

/// Activation `i` of token 0 as the integer it was made.
inline double activation(const Activations& x, std::size_t i) { return 256.0 * x.hi[i] + x.lo[i]; }

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

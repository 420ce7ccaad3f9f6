// Number formats of GGUF tensors. A type is one file in this room: its block layout with byte offsets, how to decode
// and encode it, and the integers it is made of. types.cc holds the list.
//
// Source of ids, sizes and layouts: the GGUF/ggml format, judged by the PyPI package `gguf`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay::quant {

inline constexpr int kMaxBlockValues = 256;
inline constexpr int kMaxGroups = 16;

/// One block taken apart. For every quantized type
///   value[i] = d * scale[i / group_values] * quant[i] - dmin * min[i / group_values]
/// holds exactly in float64. Scales have at most 8 bits, those of NVFP4 4 bits somewhere in 18. Types without a minimum
/// term have dmin = 0. Types with a plain offset (Q4_1: d * q + m) say min = -1 and dmin = m; types whose quants are
/// stored with a bias (Q4_0, Q6_K) give the quants without it.
struct BlockIntegers {
  float d = 0;
  float dmin = 0;
  int group_values = 0;  ///< values that share a scale: 16, 32 or the whole block
  std::int32_t scale[kMaxGroups] = {};
  std::int32_t min[kMaxGroups] = {};
  std::int16_t quant[kMaxBlockValues] = {};
};

/// How one tensor type is stored.
struct Type {
  std::uint32_t id;            ///< ggml_type in a GGUF file
  std::string_view name;       ///< as ggml spells it: "Q4_K"
  std::uint32_t block_values;  ///< values a block, along ne[0]
  std::uint32_t block_bytes;

  /// blocks -> block_count * block_values floats; the same float32 operations in the same order as ggml's reference.
  /// Null for a type whose size is known but whose values are not (yet) understood.
  void (*decode)(const std::byte* blocks, std::size_t block_count, float* values) = nullptr;

  /// The same in float64, by the block formula. Null for types whose values float32 has (F32, F16, BF16).
  void (*decode_exact)(const std::byte* blocks, std::size_t block_count, double* values) = nullptr;

  /// One block -> its integers. Null for types without blocks (F32, I8).
  void (*take_apart)(const std::byte* block, BlockIntegers& integers) = nullptr;

  /// One row of `width` values, a multiple of block_values -> width / block_values blocks, byte for byte what ggml's
  /// reference quantizer writes. `importance` holds a weight a column for the squared error there (usually the mean
  /// square of what the column is multiplied with), finite and not negative, or is null; types without a search ignore
  /// it. Non-finite values give blocks of no meaning. Null for a type that cannot be written.
  void (*encode)(const float* row, std::size_t width, const float* importance, std::byte* blocks) = nullptr;

  bool is_quantized() const { return block_values > 1; }
  bool is_decodable() const { return decode != nullptr; }
  bool is_encodable() const { return encode != nullptr; }
  /// Bits a value, scales included.
  double bits_per_value() const { return 8.0 * block_bytes / block_values; }
};

/// Every type id that GGUF files may carry today, in order of id.
std::span<const Type* const> all_types();

/// Null when there is none. Names match without regard to case.
const Type* find_type(std::uint32_t id);
const Type* find_type(std::string_view name);

/// blocks -> float64 values by the block formula, evaluated in float64 (numerics: the oracle's weights).
/// Requires type.is_decodable().
void decode_exact(const Type& type, const std::byte* blocks, std::size_t block_count, double* values);

/// Index of the first block that decodes to a non-finite value, or block_count. Requires type.is_decodable().
std::size_t find_non_finite_block(const Type& type, const std::byte* blocks, std::size_t block_count);

}  // namespace assay::quant

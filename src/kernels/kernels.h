// The engines' arithmetic: one table of functions an instruction set. `scalar` is the specification; every other table
// gives the same bits for the same inputs, whatever the number of rows or tokens in a call. What follows is the fast
// engine's; the oracle's rows and sums in float64 stand at the table's end.
//
// Quantized weights. Activations become 16-bit integers with one scale a block (32, 64 or 256 values: the weights'
// block):
//   d = max|v| / 32767,  x = round_to_even(v / d as v * (1 / d)),  0 when max|v| is 0,  every x of a block with a
//   non-finite v is 0 and its d is NaN (so the output is NaN, as it should be)
// held as two planes, x = 256 * hi + lo with hi signed and lo unsigned 8-bit, because 8-bit multipliers are what CPUs
// have. Where a block has outliers (sum |x| < kOutlierMean * block), 16 bits of the largest leave few to the others:
// such a block has a third plane, the remainder
//   r = round_to_even((fma(-x, d, v) * (1 / d)) * 256), kept within -127..127,  d_r = d / 256
// Other blocks have r = 0 and d_r = 0. For one output (row, token), blocks ascending, with the integers of
// quant::BlockIntegers:
//   H = sum scale * quant * hi,  L = sum scale * quant * lo,  M = sum min * x      (exact in 32 bits)
//   block of 256: I = fma(256, float(H), float(L));    block of 32: I = float(256 * H + L)   (exact in 32 bits there)
//   acc = fma(d_w * d_x, I, acc);  then, for types with a minimum term,  acc = fma(-(dmin_w * d_x), float(M), acc)
//   and where d_r is not 0 the same again with d_r for d_x, I = float(sum scale * quant * r), M = sum min * r.
// The scales of a block of 64 (NVFP4) are too far apart for one integer. There the operations run for each group by
// itself, groups ascending, with d_w * scale (exact) for d_w, 1 for scale and I = float(256 * H + L).
//
// Float weights (F32, F16, BF16) and every sum over a row: float32 in 64 virtual lanes, value i in lane i % 64,
// lane = fma(w, x, lane) from 0, then the halving tree: lane[i] += lane[i + 32] for i < 32, then 16, 8, 4, 2, 1.
//
// A result that is NaN is specified to be NaN; its sign and payload are the CPU's.
//
// Kernels throw nothing and allocate nothing. Pointers need no alignment unless stated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::kernels {

inline constexpr std::size_t kMaxTypes = 64;  // indexed by ggml_type
inline constexpr int kOutlierMean = 2560;     // of |x|, of 32767

/// A batch of activation rows [tokens, width]. For quantized weights hi, lo, d, sums are set; for float weights f32.
struct Activations {
  std::size_t tokens = 0;
  std::size_t width = 0;
  std::size_t block_values = 0;                  ///< 32, 64 or 256; 1 for float weights
  const float* f32 = nullptr;                    ///< [tokens, width]
  const std::int8_t* hi = nullptr;               ///< [tokens, width]
  const std::uint8_t* lo = nullptr;              ///< [tokens, width]
  const float* d = nullptr;                      ///< [tokens, width / block_values]
  const std::int32_t* sums = nullptr;            ///< [tokens, width / 16]: sums of 16 consecutive x
  const std::int8_t* remainder = nullptr;        ///< [tokens, width]
  const float* remainder_d = nullptr;            ///< [tokens, width / block_values]
  const std::int32_t* remainder_sums = nullptr;  ///< [tokens, width / 16]: sums of 16 consecutive remainders
};

/// Where one row of Activations is written.
struct QuantizedRow {
  std::int8_t* hi;
  std::uint8_t* lo;
  float* d;
  std::int32_t* sums;
  std::int8_t* remainder;
  float* remainder_d;
  std::int32_t* remainder_sums;
};

/// out[token * out_stride + row] for `row_count` weight rows that stand row_bytes apart, and all tokens of x.
using MatrixProduct = void (*)(const std::byte* rows, std::size_t row_bytes, std::size_t row_count,
                               const Activations& x, float* out, std::size_t out_stride);

/// The oracle's: a row of weights in float64, by the block formula (quant::decode_exact). Both take a whole row.
struct ExactRow {
  /// -> `width` values.
  void (*decode)(const std::byte* row, std::size_t width, double* values);
  /// The same as dot_exact() of the decoded row and x.
  double (*dot)(const std::byte* row, const double* x, std::size_t width);
};

/// What a row of floats adds up to, in float64, and its extremes.
struct RowSums {
  double sum;
  double sum_of_squares;
  float min;
  float max;
};

/// How the cache stores keys and values.
enum class CacheFormat { f32, f16 };

/// Keys or values of a head of the cache: `count` rows of `width` values, floats or halves, that stand `stride` values
/// apart.
struct CacheRows {
  const void* data;
  CacheFormat format;
  std::size_t stride;
  std::size_t count;
  std::size_t width;
};

struct Kernels {
  const char* isa;

  /// One row of `width` floats (a multiple of block_values) to planes, scales and sums of 16.
  void (*quantize)(const float* x, std::size_t width, std::size_t block_values, const QuantizedRow& row);

  /// By ggml_type; null for a type without a product.
  MatrixProduct product[kMaxTypes];

  /// out = x / sqrt(mean(x^2) + epsilon) * weight over n values: s = sum of squares in lanes,
  /// r = 1 / sqrt(s / float(n) + epsilon), out = (x * r) * weight.
  void (*rms_norm)(const float* x, const float* weight, float epsilon, std::size_t n, float* out);

  /// out = silu(gate) * up, silu(g) = g / (1 + exp(-g)).
  void (*silu_product)(const float* gate, const float* up, std::size_t n, float* out);

  /// out = gelu(gate) * up, and with its tanh form (kernels/gelu_constants.h).
  void (*gelu_product)(const float* gate, const float* up, std::size_t n, float* out);
  void (*gelu_tanh_product)(const float* gate, const float* up, std::size_t n, float* out);

  /// out = factor * x. `x` may be `out`, here and below.
  void (*scale)(const float* x, float factor, std::size_t n, float* out);

  /// out = cap * tanh(x / cap) (kernels/exp_constants.h). cap > 0.
  void (*soft_cap)(const float* x, float cap, std::size_t n, float* out);

  void (*add)(const float* a, const float* b, std::size_t n, float* out);

  /// Rotates n pairs: (a, b) -> (fma(a, c, -(b * s)), fma(a, s, b * c)); pair i is x[i * pair_step], x[i * pair_step +
  /// pair_gap] (neighbours: step 2, gap 1; halves: step 1, gap n). In place.
  void (*rotate)(float* x, const float* cosines, const float* sines, std::size_t n, std::size_t pair_step,
                 std::size_t pair_gap);

  /// scores[query * score_stride + j] = scale * dot(q[query], keys[j]). q: [queries, keys.width]. Queries that share
  /// their keys belong in one call: keys are read from memory once.
  void (*scores)(const float* q, std::size_t queries, const CacheRows& keys, float scale, float* scores,
                 std::size_t score_stride);

  /// In place: x = exp(x - max), and returns 1 / sum (sum in lanes). count > 0.
  float (*softmax)(float* x, std::size_t count);

  /// out[query, c] = sum over j ascending of fma(weights[query * weight_stride + j], values[j][c], acc), from 0. out:
  /// [queries, values.width]. Queries that share their values belong in one call.
  void (*weighted_sums)(const float* weights, std::size_t weight_stride, std::size_t queries, const CacheRows& values,
                        float* out);

  /// n floats to halves, round to nearest even.
  void (*to_half)(const float* x, std::size_t n, std::uint16_t* out);

  /// By ggml_type; null for a type that cannot be decoded.
  ExactRow exact[kMaxTypes];

  /// The oracle's: sum a[i] * b[i] in float64 in 16 lanes: value i in lane i % 16, indices ascending, then lane[i] +=
  /// lane[i + 8], 4, 2, 1.
  double (*dot_exact)(const double* a, const double* b, std::size_t count);

  /// out[i * out_stride + r] = dot_exact(row r, x i): rows and x of `width` values stand row_stride and x_stride apart.
  void (*product_exact)(const double* rows, std::size_t row_stride, std::size_t row_count, const double* x,
                        std::size_t x_stride, std::size_t x_count, std::size_t width, double* out,
                        std::size_t out_stride);

  /// out[c] = sum over j ascending of weights[j] * rows[j * stride + c], `width` of them; each product and each sum is
  /// rounded.
  void (*weighted_sum_exact)(const double* weights, const double* rows, std::size_t stride, std::size_t count,
                             std::size_t width, double* out);

  /// Sums in the order of dot_exact; extremes start at infinity and -infinity. Values that are not finite make the sum
  /// of squares infinite or NaN; with a NaN among them min
  /// and max mean nothing. Zeros of either sign are equal.
  RowSums (*row_sums)(const float* x, std::size_t n);
};

/// The table chosen at start: the best this CPU and its operating system support, or the one ASSAY_ISA names
/// (scalar, avx2, avx512, zen4, amx, neon, i8mm). Throws Error{usage} when ASSAY_ISA names an unknown set or one this
/// CPU lacks.
const Kernels& kernels();

/// By name ("scalar", "avx2", "avx512", "zen4", "amx", "neon", "i8mm"), for tests; null when this CPU lacks it or the
/// build has it not.
const Kernels* find_kernels(const char* isa);

}  // namespace assay::kernels

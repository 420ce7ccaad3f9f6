// The searches of search.h run on one group of values (Real = float) or on several groups side by side (Real = Lanes),
// as many as a vector of the CPU holds that is compiled for. They are the same float32 operations for each: sums over a
// group have a declared order, sums of several groups need not wait for each other. Only files of this room include it.
//
// Nothing here has a name outside of the file that includes it: that may be compiled for AVX2.
#pragma once

#include <cstdint>

namespace assay::quant {
namespace {

#if defined(__AVX2__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif
using Lanes = float __attribute__((vector_size(4 * kLanes)));
using LaneBits = std::int32_t __attribute__((vector_size(4 * kLanes)));

inline float select(bool condition, float yes, float no) { return condition ? yes : no; }
inline Lanes select(LaneBits condition, Lanes yes, Lanes no) { return condition ? yes : no; }

inline bool any(bool condition) { return condition; }
inline bool any(LaneBits condition) {
  std::int32_t bits = 0;
  for (int lane = 0; lane < kLanes; ++lane) bits |= condition[lane];
  return bits != 0;
}

template <typename Real>
Real all(float value) {
  return value - Real{};
}

inline float absolute(float value) {
  return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, value) & 0x7FFFFFFFU);
}
inline Lanes absolute(Lanes value) {
  return __builtin_bit_cast(Lanes, __builtin_bit_cast(LaneBits, value) & 0x7FFFFFFF);
}

/// Nearest integer, ties to even, as the reference finds it: the low bits of value + 1.5 * 2^23. Beyond 2^22 those bits
/// say something else, and a file must hold exactly that.
inline int nearest_int(float value) {
  const auto bits = __builtin_bit_cast(std::int32_t, value + 12582912.0F);
  return (bits & 0x7FFFFF) - 0x400000;
}

inline float nearest(float value) { return static_cast<float>(nearest_int(value)); }
inline Lanes nearest(Lanes value) {
  const auto bits = __builtin_bit_cast(LaneBits, value + 12582912.0F);
  return __builtin_convertvector((bits & 0x7FFFFF) - 0x400000, Lanes);
}

template <typename Real>
Real limit(Real value, float low, float high) {
  value = select(value > high, all<Real>(high), value);
  return select(value < low, all<Real>(low), value);
}

/// Value i of groups that stand `group_values` apart.
inline Lanes gather(const float* values, int group_values, int i) {
  Lanes lanes;
  for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = values[lane * group_values + i];
  return lanes;
}

}  // namespace
}  // namespace assay::quant

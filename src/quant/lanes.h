// The searches of search.h run on one group of values (Real = float) or on four groups side by side (Real = Lanes), the
// same float32 operations for each: sums over a group have a declared order, sums of four groups need not wait for each
// other. Only files of this room include it.
#pragma once

#include <bit>
#include <cstdint>

namespace assay::quant {

using Lanes = float __attribute__((vector_size(16)));
using LaneBits = std::int32_t __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;

inline float select(bool condition, float yes, float no) { return condition ? yes : no; }
inline Lanes select(LaneBits condition, Lanes yes, Lanes no) { return condition ? yes : no; }

inline bool any(bool condition) { return condition; }
inline bool any(LaneBits condition) { return (condition[0] | condition[1] | condition[2] | condition[3]) != 0; }

template <typename Real>
Real all(float value) {
  return value - Real{};
}

inline float absolute(float value) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU); }
inline Lanes absolute(Lanes value) { return std::bit_cast<Lanes>(std::bit_cast<LaneBits>(value) & 0x7FFFFFFF); }

/// Nearest integer, ties to even, as the reference finds it: the low bits of value + 1.5 * 2^23. Beyond 2^22 those bits
/// say something else, and a file must hold exactly that.
inline int nearest_int(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value + 12582912.0F);
  return (bits & 0x7FFFFF) - 0x400000;
}

inline float nearest(float value) { return static_cast<float>(nearest_int(value)); }
inline Lanes nearest(Lanes value) {
  const auto bits = std::bit_cast<LaneBits>(value + 12582912.0F);
  return __builtin_convertvector((bits & 0x7FFFFF) - 0x400000, Lanes);
}

template <typename Real>
Real limit(Real value, float low, float high) {
  value = select(value > high, all<Real>(high), value);
  return select(value < low, all<Real>(low), value);
}

/// Value i of four groups that stand `group_values` apart.
inline Lanes gather(const float* values, int group_values, int i) {
  return Lanes{values[i], values[group_values + i], values[2 * group_values + i], values[3 * group_values + i]};
}

}  // namespace assay::quant

// How quantized activation rows lie in one piece of memory: each array of `Activations`, [rows, ...], one behind the
// other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace assay::kernels {

class QuantizedRows {
 public:
  static constexpr std::size_t kSumValues = 16;

  /// `bytes` holds rows * row_bytes(width, block_values), aligned for floats.
  QuantizedRows(std::byte* bytes, std::size_t rows, std::size_t width, std::size_t block_values)
      : bytes_(bytes), rows_(rows), width_(width), block_values_(block_values) {}

  static std::size_t row_bytes(std::size_t width, std::size_t block_values) {
    return 3 * width + 2 * (width / block_values * sizeof(float)) + 2 * (width / kSumValues * sizeof(std::int32_t));
  }

  QuantizedRow row(std::size_t row) const {
    auto* planes = reinterpret_cast<std::int8_t*>(bytes_);
    auto* scales = reinterpret_cast<float*>(bytes_ + 3 * rows_ * width_);
    const std::size_t blocks = width_ / block_values_;
    auto* sums = reinterpret_cast<std::int32_t*>(scales + 2 * rows_ * blocks);
    const std::size_t groups = width_ / kSumValues;
    return {.hi = planes + row * width_,
            .lo = reinterpret_cast<std::uint8_t*>(planes + (rows_ + row) * width_),
            .d = scales + row * blocks,
            .sums = sums + row * groups,
            .remainder = planes + (2 * rows_ + row) * width_,
            .remainder_d = scales + (rows_ + row) * blocks,
            .remainder_sums = sums + (rows_ + row) * groups};
  }

  /// `count` rows from `begin` on.
  Activations view(std::size_t begin, std::size_t count) const {
    const QuantizedRow first = row(begin);
    return {.tokens = count,
            .width = width_,
            .block_values = block_values_,
            .f32 = nullptr,
            .hi = first.hi,
            .lo = first.lo,
            .d = first.d,
            .sums = first.sums,
            .remainder = first.remainder,
            .remainder_d = first.remainder_d,
            .remainder_sums = first.remainder_sums};
  }
  Activations view() const { return view(0, rows_); }

 private:
  std::byte* bytes_;
  std::size_t rows_;
  std::size_t width_;
  std::size_t block_values_;
};

}  // namespace assay::kernels

// A tensor of a GGUF file: its name, type and shape, and its data where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "quant/type.h"

namespace assay::gguf {

/// A tensor: a view into the mapped file.
struct Tensor {
  std::string_view name;
  const quant::Type* type = nullptr;
  std::vector<std::uint64_t> ne;  ///< 1 to 4 dimensions, ne[0] is the row length
  std::span<const std::byte> data;
  const Tensor* whole = nullptr;  ///< of which these are some rows, under its name; null: it is whole

  std::uint64_t row_values() const { return ne[0]; }
  /// Product of ne[1..].
  std::uint64_t rows() const {
    std::uint64_t rows = 1;
    for (std::size_t i = 1; i < ne.size(); ++i) rows *= ne[i];
    return rows;
  }
  std::uint64_t values() const { return row_values() * rows(); }
  std::size_t row_bytes() const { return static_cast<std::size_t>(ne[0] / type->block_values) * type->block_bytes; }
  std::span<const std::byte> row(std::uint64_t index) const {
    return data.subspan(static_cast<std::size_t>(index) * row_bytes(), row_bytes());
  }
};

}  // namespace assay::gguf

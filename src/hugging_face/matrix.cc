#include "hugging_face/matrix.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace assay::hugging_face {
namespace {

using gguf::Dtype;
using gguf::SafeTensor;

constexpr std::uint64_t kGroup = 32;
constexpr std::uint64_t kGroupBytes = 16;
constexpr int kScaleBias = 127;

bool is_mxfp4_pair(const SafeTensor& tensor, const SafeTensor* scales) {
  return scales != nullptr && tensor.dtype == Dtype::u8 && scales->dtype == Dtype::u8;
}

unsigned nibble(const SafeTensor& tensor, std::uint64_t index) {
  const auto byte = std::to_integer<unsigned>(tensor.data[static_cast<std::size_t>(index / 2)]);
  return index % 2 == 0 ? byte & 0xFU : byte >> 4U;
}

/// 1 sign, 2 exponent and 1 fraction bits.
double from_e2m1(unsigned bits) {
  constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (bits & 8U) == 0 ? kMagnitudes[bits & 7U] : -kMagnitudes[bits & 7U];
}

/// The power of two so many of which make `count` blocks of `length`.
std::optional<std::uint64_t> block_length(std::uint64_t length, std::uint64_t count) {
  for (std::uint64_t block = 1;; block *= 2) {
    const std::uint64_t blocks = length / block + (length % block == 0 ? 0 : 1);
    if (blocks == count) return block;
    if (blocks < count || blocks <= 1) return std::nullopt;
  }
}

std::uint64_t product(const std::vector<std::uint64_t>& shape, std::size_t count) {
  std::uint64_t product = 1;
  for (std::size_t i = 0; i < count; ++i) product *= shape[i];
  return product;
}

/// Nullopt for scales of another shape.
std::optional<ScaleGrid> grid_of(const SafeTensor& tensor, const SafeTensor& scales) {
  if (tensor.shape.size() < 2 || tensor.data.empty() || scales.data.empty() || !is_float(scales.dtype)) {
    return std::nullopt;
  }
  ScaleGrid grid;
  const std::size_t outer = tensor.shape.size() - 2;
  grid.rows = tensor.shape[outer];
  grid.columns = tensor.shape[outer + 1];
  grid.block_rows = grid.rows;
  grid.block_columns = grid.columns;
  grid.scales_a_row = 1;
  if (scales.values() == 1) return grid;

  // Of each matrix, or of each row; then of blocks.
  std::vector<std::uint64_t> shape = scales.shape;
  if (outer > 0 && shape.size() == 1) shape.insert(shape.end(), {1, 1});
  if (outer == 0 && shape.size() == 1) shape.push_back(1);
  if (shape.size() != tensor.shape.size() || !std::equal(shape.begin(), shape.end() - 2, tensor.shape.begin())) {
    return std::nullopt;
  }
  const auto block_rows = block_length(grid.rows, shape[outer]);
  const auto block_columns = block_length(grid.columns, shape[outer + 1]);
  if (!block_rows || !block_columns) return std::nullopt;
  grid.block_rows = *block_rows;
  grid.block_columns = *block_columns;
  grid.scales_a_row = shape[outer + 1];
  grid.scales = shape[outer] * shape[outer + 1];
  return grid;
}

/// Multiplies the values from `first` of the tensor on, a `step` apart.
void apply_scales(const ScaleGrid& grid, const SafeTensor& scales, std::uint64_t first, std::uint64_t step,
                  std::size_t count, double* values) {
  for (std::size_t i = 0; i < count;) {
    const std::uint64_t at = first + i * step;
    const std::uint64_t column = at % grid.columns;
    const std::uint64_t row = at / grid.columns % grid.rows;
    const std::uint64_t matrix = at / grid.columns / grid.rows;
    const std::uint64_t index =
        matrix * grid.scales + row / grid.block_rows * grid.scales_a_row + column / grid.block_columns;
    double scale = 0;
    gguf::read_values(scales, index, 1, &scale);
    const std::uint64_t same =
        step == 1 ? std::min(grid.block_columns - column % grid.block_columns, grid.columns - column) : 1;
    for (const std::size_t end = i + static_cast<std::size_t>(std::min<std::uint64_t>(same, count - i)); i < end; ++i) {
      values[i] *= scale;
    }
  }
}

}  // namespace

bool Matrix::is_mxfp4() const { return is_mxfp4_pair(*tensor, scales); }

bool Matrix::has_mxfp4_rows() const {
  return is_mxfp4() && column_step == 1 && columns % kGroup == 0 && first % kGroup == 0 && row_step % kGroup == 0;
}

std::string_view Matrix::type() const { return is_mxfp4() ? "MXFP4" : gguf::name(tensor->dtype); }

bool Matrix::is_whole() const {
  return scales == nullptr && first == 0 && column_step == 1 && row_step == columns &&
         rows * columns == tensor->values();
}

void Matrix::read(std::uint64_t row, std::uint64_t first_column, std::size_t count, double* values) const {
  const std::uint64_t begin = first + row * row_step + first_column * column_step;
  if (is_mxfp4()) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t at = begin + i * column_step;
      const int exponent = std::to_integer<int>(scales->data[static_cast<std::size_t>(at / kGroup)]);
      values[i] = std::ldexp(from_e2m1(nibble(*tensor, at)), exponent - kScaleBias);
    }
    return;
  }
  if (column_step == 1) {
    gguf::read_values(*tensor, begin, count, values);
  } else {
    for (std::size_t i = 0; i < count; ++i) gguf::read_values(*tensor, begin + i * column_step, 1, values + i);
  }
  if (scales != nullptr) apply_scales(grid, *scales, begin, column_step, count, values);
}

void Matrix::pack_mxfp4(std::uint64_t row, std::byte* blocks) const {
  assert(has_mxfp4_rows());
  const std::uint64_t begin = first + row * row_step;
  for (std::uint64_t at = begin; at < begin + columns; at += kGroup) {
    *blocks++ = scales->data[static_cast<std::size_t>(at / kGroup)];
    for (std::uint64_t i = 0; i < kGroupBytes; ++i) {
      *blocks++ = static_cast<std::byte>(nibble(*tensor, at + i) | nibble(*tensor, at + i + kGroupBytes) << 4U);
    }
  }
}

std::optional<std::vector<std::uint64_t>> shape_of(const SafeTensor& tensor, const SafeTensor* scales) {
  if (scales == nullptr) return tensor.shape;
  if (!is_mxfp4_pair(tensor, scales)) return grid_of(tensor, *scales) ? std::optional(tensor.shape) : std::nullopt;
  std::vector<std::uint64_t> shape = tensor.shape;
  if (shape.size() < 3 || shape.back() != kGroupBytes) return std::nullopt;
  shape.pop_back();
  if (shape != scales->shape) return std::nullopt;
  shape.back() *= kGroup;
  return shape;
}

Matrix whole_matrix(const SafeTensor& tensor, const SafeTensor* scales) {
  const std::vector<std::uint64_t> shape = *shape_of(tensor, scales);
  Matrix matrix;
  matrix.tensor = &tensor;
  matrix.scales = scales;
  if (scales != nullptr && !matrix.is_mxfp4()) matrix.grid = *grid_of(tensor, *scales);
  matrix.columns = shape.empty() ? 1 : shape.back();
  matrix.rows = shape.empty() ? 1 : product(shape, shape.size() - 1);
  matrix.row_step = matrix.columns;
  return matrix;
}

}  // namespace assay::hugging_face

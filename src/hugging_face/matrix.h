// A matrix of a checkpoint, or some rows and columns of one, as the numbers that its bytes mean:
//
//   F32 F16 BF16      themselves
//   F8_E4M3 I8 ...    times a scale, if there are scales: one of the tensor, or of each row, or of each block of rows
//   and
//                     columns, whose lengths are powers of two (DeepSeek-V3: 128 x 128)
//   MXFP4             blocks U8 [..., rows, groups, 16], scales U8 [..., rows, groups] (gpt-oss): value 2 i of a group
//   of
//                     32 is in the low nibble of byte i, value 2 i + 1 in its high nibble; OCP Microscaling Formats 1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "gguf/safetensors.h"

namespace assay::hugging_face {

/// Where the scales of a tensor [matrices, rows, columns] apply.
struct ScaleGrid {
  std::uint64_t rows = 0;  ///< of a matrix of values
  std::uint64_t columns = 0;
  std::uint64_t block_rows = 0;  ///< that share a scale
  std::uint64_t block_columns = 0;
  std::uint64_t scales = 0;        ///< of a matrix; 0: one for all of them
  std::uint64_t scales_a_row = 0;  ///< of blocks
};

/// Value (row, column) is that of the tensor at first + row * row_step + column * column_step.
struct Matrix {
  const gguf::SafeTensor* tensor = nullptr;
  const gguf::SafeTensor* scales = nullptr;  ///< null: none
  ScaleGrid grid;                            ///< of scales that are no MXFP4's
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t first = 0;
  std::uint64_t row_step = 0;
  std::uint64_t column_step = 1;

  bool is_mxfp4() const;
  /// Whether rows can be packed: they are MXFP4, and groups of the tensor are groups of the row.
  bool has_mxfp4_rows() const;
  /// "BF16", "F8_E4M3", "MXFP4".
  std::string_view type() const;
  /// Whether it is all of the tensor, in its order, without scales.
  bool is_whole() const;
  /// values[i] = value (row, first_column + i), exact in float64.
  void read(std::uint64_t row, std::uint64_t first_column, std::size_t count, double* values) const;
  /// A row of MXFP4 as GGUF's blocks, columns / 32 * 17 bytes. Requires has_mxfp4_rows().
  void pack_mxfp4(std::uint64_t row, std::byte* blocks) const;
};

/// As numpy has it, in values: MXFP4's nibbles are the last dimension. Nullopt where `scales` are none of such a
/// tensor; null scales fit every tensor.
std::optional<std::vector<std::uint64_t>> shape_of(const gguf::SafeTensor& tensor, const gguf::SafeTensor* scales);

/// All of a tensor with fitting scales as one matrix: rows are all dimensions but the last.
Matrix whole_matrix(const gguf::SafeTensor& tensor, const gguf::SafeTensor* scales);

}  // namespace assay::hugging_face

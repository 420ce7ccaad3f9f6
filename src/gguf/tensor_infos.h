// The tensor table of one GGUF file: names, shapes, types, and where their data lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gguf/cursor.h"
#include "gguf/file.h"

namespace assay::gguf {

inline constexpr std::size_t kMaxTensorNameBytes = 64;  ///< the format's limit
inline constexpr std::uint32_t kMaxDimensions = 4;

std::uint64_t read_tensor_count(Cursor& cursor);

/// Reads `count` tensor infos and finds their data, which begins at the next multiple of `alignment`. Data must lie as
/// every writer lays it: in the table's order, each tensor at the end of the one before, padded to the alignment. So no
/// two overlap, and nothing reaches past the file's end. Duplicate names are the caller's to find.
std::vector<Tensor> read_tensor_infos(Cursor& cursor, std::uint64_t count, std::uint64_t alignment);

/// Bytes of a tensor's data, or nothing when they do not fit into 64 bits. ne[0] must be a multiple of
/// type.block_values.
std::optional<std::uint64_t> tensor_bytes(const quant::Type& type, std::span<const std::uint64_t> ne);

/// "4096 x 32"
std::string shape_text(std::span<const std::uint64_t> ne);

/// value rounded up to a multiple of alignment, a power of two. Requires value + alignment < 2^64.
constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace assay::gguf

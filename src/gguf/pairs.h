// Reads the key/value pairs of one GGUF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/cursor.h"
#include "gguf/value.h"

namespace assay::gguf {

/// Arrays may nest this deep; the format sets no limit, and no known model nests at all.
inline constexpr int kMaxArrayDepth = 4;
/// The format's limit.
inline constexpr std::size_t kMaxKeyBytes = 65535;

using Pair = std::pair<std::string_view, Value>;

std::uint64_t read_pair_count(Cursor& cursor);

/// Refuses empty and overlong keys, invalid types, lengths past the end and arrays nested too deep; duplicate keys are
/// the caller's to find.
std::vector<Pair> read_pairs(Cursor& cursor, std::uint64_t count);

}  // namespace assay::gguf

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

/// Reads `count` pairs. Refuses empty and overlong keys, invalid types, lengths past the end and arrays nested too
/// deep; duplicate keys are the caller's to find. Takes memory in proportion to the file's size at most.
std::vector<Pair> read_pairs(Cursor& cursor, std::uint64_t count);

/// The least bytes that a pair takes.
std::size_t min_pair_bytes(const Cursor& cursor);

}  // namespace assay::gguf

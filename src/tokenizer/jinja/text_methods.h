// Searching, cutting, padding and joining text: what methods of str and filters share.
// Time is linear in the lengths, and paid for in steps; positions are code points only in the methods themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// Which sides of a text are stripped or filled.
inline constexpr int kLeft = 1, kRight = 2, kBoth = 3;

/// Offset in bytes of the first (last) `needle`, or npos.
std::size_t find_bytes(Budget& budget, std::string_view haystack, std::string_view needle);
std::size_t find_last_bytes(Budget& budget, std::string_view haystack, std::string_view needle);

/// str.replace; a negative count replaces all.
Value replace_text(Budget& budget, std::string_view text, std::string_view from, std::string_view to,
                   std::int64_t count);

/// str.strip: of white space if `characters` is None, else of these characters. The result is a view into `text`.
std::string_view strip(Budget& budget, std::string_view text, const Value& characters, int sides);

/// str.splitlines, as a list.
Value split_lines(Budget& budget, std::string_view text, bool keep_ends = false);

/// str.ljust, rjust, center: filled on these sides up to `width` code points.
Value justify_text(Budget& budget, const Text& text, std::int64_t width, std::string_view fill, int sides);

/// str of every item, with the separator between them.
Value join_text(Budget& budget, std::string_view separator, const std::vector<Value>& items);

/// A method of str from this file, or nullptr.
const Operation* find_search_method(std::string_view name);

}  // namespace assay::tokenizer::jinja

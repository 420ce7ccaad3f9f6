// Text in lines of a given width, for the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::report {

/// Cells that the text takes: characters of UTF-8, each taken as one cell wide; escape sequences for style take none.
std::size_t width_of(std::string_view text);

/// `first`, then the words of `text`, broken between words so that no line is longer than `columns`; lines after the
/// first begin with `indent` spaces. A word that is longer than a line stays whole. Ends with a line feed.
std::string wrapped(std::string_view first, std::string_view text, std::size_t indent, std::size_t columns);

}  // namespace assay::report

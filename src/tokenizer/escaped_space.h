// SentencePiece writes a space as U+2581, so that this character itself comes back as a space.
#pragma once

#include <string>
#include <string_view>

namespace assay::tokenizer {

inline constexpr std::string_view kEscapedSpace = "\u2581";

/// Appends `text` with every space escaped.
void append_escaped(std::string_view text, std::string& escaped);
/// The text of a token with its spaces back.
std::string unescaped(std::string_view escaped);

}  // namespace assay::tokenizer

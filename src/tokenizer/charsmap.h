// SentencePiece's normalisation, compiled (tokenizer.ggml.precompiled_charsmap): which bytes become which others, the
// longest match first. The blob is
//
//   u32 n           little-endian, a multiple of 4
//   u32 node[n/4]   a double-array trie (Darts-clone): bit 31 and bits 0-7 the label, bit 8 whether a value hangs here,
//                   bits 10-30 the offset to the children, times 256 where bit 9 is set; a value is bits 0-30
//   char text[]     the replacements, each ends with 0; a value is the place of one
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::tokenizer {

class CharsMap {
 public:
  /// Replaces nothing.
  CharsMap() = default;
  /// Throws Error{input} for a blob whose sizes do not fit, or that does not end a replacement.
  explicit CharsMap(std::string_view blob);

  struct Match {
    std::size_t size;              ///< bytes of the text that it replaces
    std::string_view replacement;  ///< may be empty
  };
  /// The longest match that begins at text[at]. Throws Error{input} where the trie points outside itself.
  std::optional<Match> find(std::string_view text, std::size_t at) const;

 private:
  std::uint32_t node(std::size_t index) const;

  std::vector<std::uint32_t> nodes_;
  std::string replacements_;
};

}  // namespace assay::tokenizer

#include "tokenizer/charsmap.h"

#include <fmt/format.h>

#include "base/error.h"

namespace assay::tokenizer {
namespace {

Error broken(const std::string& problem) {
  return {ErrorKind::input, "tokenizer.ggml.precompiled_charsmap " + problem,
          "the vocabulary is damaged; convert or download the file again"};
}

constexpr std::uint32_t kWordBytes = 4;

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = kWordBytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

constexpr std::uint32_t label_of(std::uint32_t node) { return node & (1U << 31 | 0xFF); }
constexpr bool has_value(std::uint32_t node) { return (node >> 8 & 1) != 0; }
constexpr std::uint32_t offset_of(std::uint32_t node) { return node >> 10 << ((node >> 9 & 1) * 8); }
constexpr std::uint32_t value_of(std::uint32_t node) { return node & ~(1U << 31); }

}  // namespace

CharsMap::CharsMap(std::string_view blob) {
  if (blob.size() < kWordBytes) throw broken(fmt::format("has {} bytes, fewer than its own size takes", blob.size()));
  const std::uint32_t size = read_u32(blob, 0);
  if (size % kWordBytes != 0 || size > blob.size() - kWordBytes) {
    throw broken(fmt::format("says that its trie has {} bytes, and {} follow", size, blob.size() - kWordBytes));
  }
  for (std::size_t at = kWordBytes; at < kWordBytes + size; at += kWordBytes) nodes_.push_back(read_u32(blob, at));
  replacements_ = blob.substr(kWordBytes + size);
  if (!replacements_.empty() && replacements_.back() != '\0') throw broken("does not end its last replacement");
}

std::uint32_t CharsMap::node(std::size_t index) const {
  if (index >= nodes_.size()) throw broken(fmt::format("points to node {} of {}", index, nodes_.size()));
  return nodes_[index];
}

std::optional<CharsMap::Match> CharsMap::find(std::string_view text, std::size_t at) const {
  std::optional<Match> longest;
  if (nodes_.empty()) return longest;
  std::uint32_t index = offset_of(node(0));
  for (std::size_t end = at; end < text.size(); ++end) {
    const auto byte = static_cast<unsigned char>(text[end]);
    index ^= byte;
    // No text has a 0 in this trie: that label marks values.
    if (byte == 0 || label_of(node(index)) != byte) break;
    const std::uint32_t here = node(index);
    index ^= offset_of(here);
    if (!has_value(here)) continue;
    const std::uint32_t place = value_of(node(index));
    if (place >= replacements_.size()) {
      throw broken(fmt::format("points to byte {} of {} of its replacements", place, replacements_.size()));
    }
    longest = Match{end - at + 1, replacements_.c_str() + place};
  }
  return longest;
}

}  // namespace assay::tokenizer

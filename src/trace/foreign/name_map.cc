#include "trace/foreign/name_map.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/text.h"

namespace assay::trace {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || is_capital(c); }

/// The text with each N replaced by the number that is not within a word: no letter follows it, no capital precedes it.
std::string with_number(std::string_view text, std::string_view number) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_place =
        text[i] == 'N' && (i + 1 == text.size() || !is_letter(text[i + 1])) && (i == 0 || !is_capital(text[i - 1]));
    if (is_place) {
      result += number;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// Every number that stands in the name.
std::vector<std::string_view> numbers(std::string_view given) {
  std::vector<std::string_view> found;
  for (std::size_t begin = 0; begin < given.size();) {
    std::size_t end = begin;
    while (end < given.size() && is_digit(given[end])) ++end;
    if (end > begin) found.push_back(given.substr(begin, end - begin));
    begin = std::max(end, begin + 1);
  }
  return found;
}

}  // namespace

NameMap NameMap::read(const std::filesystem::path& path) { return parse(path.string(), read_file(path, kMaxBytes)); }

NameMap NameMap::parse(const std::string& name, std::string_view text) {
  NameMap map;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.rfind('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)).empty() ||
        trim(line.substr(equals + 1)).empty()) {
      throw Error(ErrorKind::input, fmt::format("{}: line {}: '{}'", name, number, printable(line, 60)),
                  "A line is \"theirs = ours\", for example \"dec/N/att_query = blk.N.q\".");
    }
    map.lines_.push_back({std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1)))});
  }
  return map;
}

std::optional<std::string> NameMap::find(std::string_view given) const {
  const std::vector<std::string_view> tried = numbers(given);
  for (const Line& line : lines_) {
    if (glob_matches(line.theirs, given)) return line.ours;
    for (const std::string_view number : tried) {
      if (glob_matches(with_number(line.theirs, number), given)) return with_number(line.ours, number);
    }
  }
  return std::nullopt;
}

}  // namespace assay::trace

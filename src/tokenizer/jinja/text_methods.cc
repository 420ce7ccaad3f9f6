// Searching, cutting and joining text: the methods of str that need an argument.
#include "tokenizer/jinja/text_methods.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

std::size_t find_from(std::string_view haystack, std::string_view needle, std::size_t from) {
  // memmem is linear for long needles, where std::string_view::find is not; under AddressSanitizer each call of it
  // checks the whole haystack, which one-byte needles, the common ones, need not pay.
  if (needle.size() == 1) return haystack.find(needle.front(), from);
  const void* found = memmem(haystack.data() + from, haystack.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - haystack.data());
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The part of the text that optional arguments `start` and `end` choose; nullopt when start lies past the end.
struct Window {
  std::string_view text;
  std::size_t first;
};
std::optional<Window> window(Budget& budget, const Text& text, const Parameters& parameters, std::size_t first) {
  budget.touch(text.bytes.size());
  const Span span = clip_slice(text.length, parameters[first], parameters[first + 1], {});
  const Value& start = parameters[first];
  if (start.is_integral() && start.integer() > static_cast<std::int64_t>(text.length)) return std::nullopt;
  return Window{substring(text, static_cast<std::size_t>(span.start), span.count),
                static_cast<std::size_t>(span.start)};
}

std::int64_t search(Runtime& runtime, const Value& self, const Parameters& parameters, bool last) {
  const auto part = window(runtime.budget, self.text(), parameters, 1);
  if (!part) return -1;
  const std::string_view needle = parameters.text(0, "None");
  const std::size_t at =
      last ? find_last_bytes(runtime.budget, part->text, needle) : find_bytes(runtime.budget, part->text, needle);
  if (at == std::string_view::npos) return -1;
  return static_cast<std::int64_t>(part->first + code_points(part->text.substr(0, at)));
}

Value search_or_fail(Runtime& runtime, const Value& self, const Parameters& parameters, bool last) {
  const std::int64_t at = search(runtime, self, parameters, last);
  if (at < 0) throw Failure("substring not found");
  return Value(at);
}

bool has_affix(Runtime& runtime, const Value& self, const Parameters& parameters, bool at_end) {
  const auto part = window(runtime.budget, self.text(), parameters, 1);
  const auto fits = [&](const Value& affix) {
    if (!affix.is_string()) {
      throw Failure(std::string(at_end ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " +
                    type_name(affix));
    }
    if (!part || affix.bytes().size() > part->text.size()) return false;
    const std::size_t from = at_end ? part->text.size() - affix.bytes().size() : 0;
    return part->text.substr(from, affix.bytes().size()) == affix.bytes();
  };
  const Value& affixes = parameters[0];
  if (!affixes.is(Kind::tuple)) return fits(affixes);
  return std::any_of(affixes.items().begin(), affixes.items().end(), fits);
}

Value strings(Budget& budget, const std::vector<std::string_view>& parts) {
  ListBuilder out(budget);
  for (const std::string_view part : parts) out.add(string(&budget, std::string(part)));
  return out.finish();
}

// Pieces are collected with a lease, because there may be as many as bytes.
class Pieces {
 public:
  explicit Pieces(Budget& budget) : budget_(budget), lease_(&budget) {}
  void add(std::string_view piece) {
    budget_.step();
    lease_.grow(sizeof(piece));
    all_.push_back(piece);
  }
  std::size_t size() const { return all_.size(); }
  void reverse() { std::reverse(all_.begin(), all_.end()); }
  Value finish() { return strings(budget_, all_); }

 private:
  Budget& budget_;
  Lease lease_;
  std::vector<std::string_view> all_;
};

std::size_t first_word_end(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = decode_utf8(text, at);
    if (is_space(c.value)) break;
    at += c.size_bytes;
  }
  return at;
}

std::size_t last_word_start(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0) {
    std::size_t start = at - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (is_space(decode_utf8(text, start).value)) break;
    at = start;
  }
  return at;
}

Value split_words(Budget& budget, std::string_view text, std::size_t most, bool from_right) {
  Pieces pieces(budget);
  budget.touch(text.size() * 8);
  for (;;) {
    text = from_right ? strip_right(text) : strip_left(text);
    if (text.empty()) break;
    if (pieces.size() == most) {
      pieces.add(text);
      break;
    }
    if (from_right) {
      const std::size_t start = last_word_start(text);
      pieces.add(text.substr(start));
      text.remove_suffix(text.size() - start);
    } else {
      const std::size_t end = first_word_end(text);
      pieces.add(text.substr(0, end));
      text.remove_prefix(end);
    }
  }
  if (from_right) pieces.reverse();
  return pieces.finish();
}

Value split(Runtime& runtime, const Value& self, const Parameters& parameters, bool from_right) {
  Budget& budget = runtime.budget;
  const std::int64_t limit = parameters.integer(1, -1);
  const std::size_t most = limit < 0 ? std::string_view::npos : static_cast<std::size_t>(limit);
  std::string_view text = self.bytes();
  if (parameters[0].is_none()) return split_words(budget, text, most, from_right);
  const std::string_view separator = parameters.text(0, "");
  if (separator.empty()) throw Failure("empty separator");
  budget.touch(text.size());
  Pieces pieces(budget);
  if (!from_right) {
    while (pieces.size() < most) {
      const std::size_t at = find_from(text, separator, 0);
      if (at == std::string_view::npos) break;
      pieces.add(text.substr(0, at));
      text.remove_prefix(at + separator.size());
    }
    pieces.add(text);
    return pieces.finish();
  }
  // From the right: the same on the text turned around.
  budget.check(text.size() + separator.size());
  const std::string back(text.rbegin(), text.rend()), mark(separator.rbegin(), separator.rend());
  for (std::size_t from = 0; pieces.size() < most;) {
    const std::size_t at = find_from(back, mark, from);
    if (at == std::string_view::npos) break;
    const std::size_t start = back.size() - at;
    pieces.add(text.substr(start));
    from = at + mark.size();
    text = text.substr(0, back.size() - from);
  }
  pieces.add(text);
  pieces.reverse();
  return pieces.finish();
}

Value partition(Runtime& runtime, const Value& self, const Parameters& parameters, bool from_right) {
  Budget& budget = runtime.budget;
  const std::string_view text = self.bytes(), separator = parameters.text(0, "");
  if (separator.empty()) throw Failure("empty separator");
  const std::size_t at = from_right ? find_last_bytes(budget, text, separator) : find_bytes(budget, text, separator);
  const auto piece = [&](std::string_view part) { return string(&budget, std::string(part)); };
  if (at == std::string_view::npos) {
    return from_right ? tuple(budget, {piece(""), piece(""), self}) : tuple(budget, {self, piece(""), piece("")});
  }
  return tuple(budget, {piece(text.substr(0, at)), piece(separator), piece(text.substr(at + separator.size()))});
}

Value justify(Runtime& runtime, const Value& self, const Parameters& parameters, int sides) {
  const std::int64_t width = parameters.integer(0, 0);
  const std::string_view fill = parameters.text(1, " ");
  if (code_points(fill) != 1) throw Failure("The fill character must be exactly one character long");
  return justify_text(runtime.budget, self.text(), width, fill, sides);
}

Value zero_fill(Runtime& runtime, const Value& self, const Parameters& parameters) {
  const std::string_view text = self.bytes();
  const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  const Value digits = string(&runtime.budget, std::string(text.substr(sign ? 1 : 0)));
  const std::int64_t width = parameters.integer(0, 0);
  const Value filled = justify_text(runtime.budget, digits.text(), width - (sign ? 1 : 0), "0", kLeft);
  Builder out(runtime.budget);
  if (sign) out.append(text[0]);
  out.append(filled.bytes());
  return out.finish();
}

}  // namespace

std::size_t find_bytes(Budget& budget, std::string_view haystack, std::string_view needle) {
  budget.touch(haystack.size());
  return find_from(haystack, needle, 0);
}

std::size_t find_last_bytes(Budget& budget, std::string_view haystack, std::string_view needle) {
  budget.touch(haystack.size());
  budget.check(haystack.size() + needle.size());
  const std::string back(haystack.rbegin(), haystack.rend()), mark(needle.rbegin(), needle.rend());
  const std::size_t at = find_from(back, mark, 0);
  return at == std::string_view::npos ? at : haystack.size() - at - needle.size();
}

Value replace_text(Budget& budget, std::string_view text, std::string_view from, std::string_view to,
                   std::int64_t count) {
  budget.touch(text.size());
  Builder out(budget);
  std::size_t at = 0;
  for (std::int64_t done = 0; done != count; ++done) {
    budget.step();
    if (from.empty()) {
      out.append(to);
      if (at == text.size()) break;
      const std::size_t size = decode_utf8(text, at).size_bytes;
      if (done + 1 == count) break;
      out.append(text.substr(at, size));
      at += size;
      continue;
    }
    const std::size_t found = find_from(text, from, at);
    if (found == std::string_view::npos) break;
    out.append(text.substr(at, found - at));
    out.append(to);
    at = found + from.size();
  }
  out.append(text.substr(at));
  return out.finish();
}

std::string_view strip(Budget& budget, std::string_view text, const Value& characters, int sides) {
  budget.touch(text.size());
  if (characters.is_none()) {
    if ((sides & kLeft) != 0) text = strip_left(text);
    return (sides & kRight) != 0 ? strip_right(text) : text;
  }
  if (!characters.is_string()) throw Failure("strip arg must be None or str");
  const auto among = [&](std::string_view character) {
    budget.step(1 + characters.bytes().size() / 64);
    return find_from(characters.bytes(), character, 0) != std::string_view::npos;
  };
  while ((sides & kLeft) != 0 && !text.empty()) {
    const std::size_t size = decode_utf8(text, 0).size_bytes;
    if (!among(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while ((sides & kRight) != 0 && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    if (!among(text.substr(at))) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

Value split_lines(Budget& budget, std::string_view text, bool keep_ends) {
  budget.touch(text.size() * 8);
  Pieces lines(budget);
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::size_t end = at;
    at += c.size_bytes;
    const bool line_end = (c.value >= 10 && c.value <= 13) || (c.value >= 28 && c.value <= 30) || c.value == 0x85 ||
                          c.value == 0x2028 || c.value == 0x2029;
    if (!line_end) continue;
    if (c.value == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.add(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) lines.add(text.substr(start));
  return lines.finish();
}

Value justify_text(Budget& budget, const Text& text, std::int64_t width, std::string_view fill, int sides) {
  const std::int64_t padding = std::max<std::int64_t>(0, width - static_cast<std::int64_t>(text.length));
  budget.check(static_cast<std::size_t>(std::min<std::int64_t>(padding, std::int64_t{1} << 40)) * fill.size());
  // Where both sides are filled, the odd character goes left if the width is odd.
  const std::int64_t left = sides == kBoth ? padding / 2 + (padding & width & 1) : sides == kLeft ? padding : 0;
  Builder out(budget);
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text.bytes);
  for (std::int64_t i = left; i < padding; ++i) out.append(fill);
  return out.finish();
}

Value join_text(Budget& budget, std::string_view separator, const std::vector<Value>& items) {
  Builder out(budget);
  for (std::size_t i = 0; i < items.size(); ++i) {
    budget.step();
    if (i > 0) out.append(separator);
    print(budget, items[i], out);
  }
  return out.finish();
}

const Operation* find_search_method(std::string_view name) {
  static const std::vector<Operation> table = {
      {"find",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return Value(search(runtime, self, p, false)); },
       "sub start? end?"},
      {"rfind",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return Value(search(runtime, self, p, true)); },
       "sub start? end?"},
      {"index",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return search_or_fail(runtime, self, p, false); },
       "sub start? end?"},
      {"rindex",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return search_or_fail(runtime, self, p, true); },
       "sub start? end?"},
      {"count",
       [](Runtime& runtime, const Value& self, const Parameters& p) {
         const auto part = window(runtime.budget, self.text(), p, 1);
         const std::string_view needle = p.text(0, "");
         std::int64_t count = 0;
         if (part && needle.empty()) {
           count = static_cast<std::int64_t>(code_points(part->text)) + 1;
         } else if (part) {
           for (std::size_t at = 0; (at = find_from(part->text, needle, at)) != std::string_view::npos;) {
             ++count;
             at += needle.size();
           }
         }
         return Value(count);
       },
       "sub start? end?"},
      {"startswith",
       [](Runtime& runtime, const Value& self, const Parameters& p) {
         return Value(has_affix(runtime, self, p, false));
       },
       "prefix start? end?"},
      {"endswith",
       [](Runtime& runtime, const Value& self, const Parameters& p) {
         return Value(has_affix(runtime, self, p, true));
       },
       "suffix start? end?"},
      {"split", [](Runtime& runtime, const Value& self, const Parameters& p) { return split(runtime, self, p, false); },
       "sep? maxsplit?"},
      {"rsplit", [](Runtime& runtime, const Value& self, const Parameters& p) { return split(runtime, self, p, true); },
       "sep? maxsplit?"},
      {"partition",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return partition(runtime, self, p, false); },
       "sep"},
      {"rpartition",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return partition(runtime, self, p, true); },
       "sep"},
      {"ljust",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return justify(runtime, self, p, kRight); },
       "width fillchar?"},
      {"rjust",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return justify(runtime, self, p, kLeft); },
       "width fillchar?"},
      {"center",
       [](Runtime& runtime, const Value& self, const Parameters& p) { return justify(runtime, self, p, kBoth); },
       "width fillchar?"},
      {"zfill", zero_fill, "width"},
  };
  return find_operation(table, name);
}

}  // namespace assay::tokenizer::jinja

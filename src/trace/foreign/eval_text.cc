#include "trace/foreign/eval_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"

namespace assay::trace {
namespace {

constexpr std::size_t kNoGap = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kLinesLookedAt = 20000;  // a log may begin with the loading of a model
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40U;

/// Takes the text apart, line by line.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return true;
  }
  std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

/// "{64, 7, 1, 1}" without the braces.
bool read_ne(std::string_view text, std::array<std::uint64_t, 4>& ne) {
  std::uint64_t count = 1;
  for (std::size_t i = 0; i < ne.size(); ++i) {
    text = trim(text);
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), ne[i]);
    if (parsed.ec != std::errc{} || ne[i] == 0) return false;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (__builtin_mul_overflow(count, ne[i], &count) || count > kMaxCount) return false;
    text = trim(text);
    if (i + 1 < ne.size() && (text.empty() || text.front() != ',')) return false;
    if (!text.empty()) text.remove_prefix(1);
  }
  return true;
}

/// "blk.0.attn_q.weight{64, 64, 1, 1}, attn_norm-0{64, 7, 1, 1}}"
std::array<std::string, 2> read_sources(std::string_view text) {
  std::array<std::string, 2> sources;
  for (std::string& source : sources) {
    const std::size_t brace = text.find('{');
    source = std::string(trim(text.substr(0, brace)));
    if (brace == std::string_view::npos) {
      if (source == "}" || source == ",") source.clear();
      break;
    }
    const std::size_t end = text.find('}', brace);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  return sources;
}

/// "ggml_debug: NAME = (TYPE) OPERATION(SOURCES) = {NE}"
std::optional<EvalTensor> read_head(std::string_view line) {
  constexpr std::string_view kBeforeType = " = (";
  constexpr std::string_view kBeforeNe = ") = {";
  const std::size_t type_at = line.find(kBeforeType);
  const std::size_t ne_at = line.rfind(kBeforeNe);
  if (type_at == std::string_view::npos || ne_at == std::string_view::npos || ne_at <= type_at) return std::nullopt;
  EvalTensor tensor;
  std::string_view name = line.substr(0, type_at);
  if (const std::size_t colon = name.find(": "); colon != std::string_view::npos) name.remove_prefix(colon + 2);
  tensor.name = std::string(trim(name));
  std::string_view rest = line.substr(type_at + kBeforeType.size(), ne_at - type_at - kBeforeType.size());
  const std::size_t type_end = rest.find(')');
  const std::size_t open = rest.find('(', type_end == std::string_view::npos ? rest.size() : type_end);
  if (open == std::string_view::npos) return std::nullopt;
  tensor.type = std::string(rest.substr(0, type_end));
  tensor.operation = std::string(trim(rest.substr(type_end + 1, open - type_end - 1)));
  tensor.sources = read_sources(rest.substr(open + 1));
  if (!read_ne(line.substr(ne_at + kBeforeNe.size()), tensor.ne)) return std::nullopt;
  return tensor;
}

/// What is printed of one dimension: all of it, or its beginning and its end.
template <typename Element>
struct Printed {
  std::vector<Element> elements;
  std::size_t gap = kNoGap;  // elements before "..."

  /// As many before the gap as behind it, or none behind; a line that got lost leaves it uneven.
  bool fits(std::uint64_t length) const {
    if (gap == kNoGap) return elements.size() == length;
    return elements.size() < length && (elements.size() == 2 * gap || elements.size() == gap);
  }
  std::uint64_t index(std::size_t element, std::uint64_t length) const {
    return element < gap ? element : length - (elements.size() - element);
  }
};

struct Number {
  double value;
  double resolution;
};
using Row = Printed<Number>;
using Plane = Printed<Row>;
using Cube = Printed<Plane>;

std::optional<Number> read_number(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  const std::size_t point = text.find('.');
  const std::size_t decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  if (std::isfinite(number.value)) number.resolution = 0.5 * std::pow(10, -static_cast<double>(decimals));
  return number;
}

/// "-0.0181,   0.0272,   0.0272, ..." between the brackets of a row.
std::optional<Row> read_row(std::string_view text) {
  Row row;
  while (!trim(text).empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view element = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (element == "...") {
      row.gap = row.elements.size();
    } else if (const auto number = read_number(element)) {
      row.elements.push_back(*number);
    } else {
      return std::nullopt;
    }
  }
  return row;
}

/// Collects the lines behind a head.
class Body {
 public:
  /// False for a line that is none of a tensor's.
  bool take(std::string_view line, EvalTensor& tensor) {
    line = trim(line);
    if (line.ends_with(',') && line != "...,") line.remove_suffix(1);
    if (line.starts_with("sum = ")) {
      const auto sum = read_number(trim(line.substr(6)));
      if (sum && tensor.ne[3] == 1) tensor.sum = sum->value;
      return true;
    }
    if (line == "[") return ++depth_ <= 2 && (depth_ == 1 ? add(cubes_) : add(cubes_.back().elements));
    if (line == "]") return depth_ > 0 && depth_-- > 0;
    if (line == "..." || line == "...,") return set_gap();
    if (depth_ != 2 || !line.starts_with('[') || !line.ends_with(']')) return false;
    auto row = read_row(line.substr(1, line.size() - 2));
    if (!row || cubes_.back().elements.empty()) return false;
    cubes_.back().elements.back().elements.push_back(std::move(*row));
    return true;
  }

  /// Gives the tensor its values, where all of them fit.
  void finish(EvalTensor& tensor) const {
    if (cubes_.size() != tensor.ne[3] || depth_ != 0) return;
    std::vector<EvalTensor::Value> values;
    bool has_gaps = false;
    for (std::size_t i3 = 0; i3 < cubes_.size(); ++i3) {
      const Cube& cube = cubes_[i3];
      if (!cube.fits(tensor.ne[2])) return;
      has_gaps |= cube.gap != kNoGap;
      for (std::size_t i2 = 0; i2 < cube.elements.size(); ++i2) {
        const Plane& plane = cube.elements[i2];
        if (!plane.fits(tensor.ne[1])) return;
        has_gaps |= plane.gap != kNoGap;
        for (std::size_t i1 = 0; i1 < plane.elements.size(); ++i1) {
          const Row& row = plane.elements[i1];
          if (!row.fits(tensor.ne[0])) return;
          has_gaps |= row.gap != kNoGap;
          const std::uint64_t begin =
              ((i3 * tensor.ne[2] + cube.index(i2, tensor.ne[2])) * tensor.ne[1] + plane.index(i1, tensor.ne[1])) *
              tensor.ne[0];
          for (std::size_t i0 = 0; i0 < row.elements.size(); ++i0) {
            const Number& number = row.elements[i0];
            values.push_back({begin + row.index(i0, tensor.ne[0]), number.value, number.resolution});
          }
        }
      }
    }
    tensor.values = std::move(values);
    tensor.has_gaps = has_gaps;
  }

 private:
  template <typename Elements>
  static bool add(Elements& elements) {
    elements.emplace_back();
    return true;
  }
  bool set_gap() {
    if (depth_ == 0 || cubes_.empty()) return false;
    Cube& cube = cubes_.back();
    if (depth_ == 1) {
      cube.gap = cube.elements.size();
    } else if (!cube.elements.empty()) {
      cube.elements.back().gap = cube.elements.back().elements.size();
    }
    return true;
  }

  int depth_ = 0;
  std::vector<Cube> cubes_;
};

/// The ids that follow "number of input tokens = 7": one at the end of each line, or all in one.
class TokenList {
 public:
  void begin(std::string_view line) {
    constexpr std::string_view kHead = "number of input tokens = ";
    const std::size_t at = line.find(kHead);
    if (at == std::string_view::npos) return;
    line.remove_prefix(at + kHead.size());
    std::from_chars(line.data(), line.data() + line.size(), wanted_);
    ids_.clear();
  }
  void take(std::string_view line) {
    if (ids_.size() >= wanted_) return;
    std::vector<std::int32_t> ids;
    line = trim(line);
    while (!line.empty()) {
      const std::size_t space = line.rfind(' ');
      const std::string_view word = line.substr(space == std::string_view::npos ? 0 : space + 1);
      std::int32_t id = 0;
      const auto parsed = std::from_chars(word.data(), word.data() + word.size(), id);
      if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size() || id < 0) break;
      ids.push_back(id);
      line = trim(line.substr(0, line.size() - word.size()));
    }
    if (ids.empty()) wanted_ = 0;  // the list was cut short
    ids_.insert(ids_.end(), ids.rbegin(), ids.rend());
  }
  bool is_open() const { return ids_.size() < wanted_; }
  std::vector<std::int32_t> whole() const { return ids_.size() == wanted_ ? ids_ : std::vector<std::int32_t>{}; }

 private:
  std::size_t wanted_ = 0;
  std::vector<std::int32_t> ids_;
};

}  // namespace

bool is_eval_text(std::string_view text) {
  Lines lines(text);
  std::string_view line;
  while (lines.next(line) && lines.number() <= kLinesLookedAt) {
    if (read_head(line)) return true;
  }
  return false;
}

EvalText parse_eval_text(std::string_view text) {
  EvalText result;
  TokenList tokens;
  Lines lines(text);
  std::string_view line;
  bool is_inside = false;
  Body body;
  const auto finish = [&] {
    if (!result.tensors.empty()) body.finish(result.tensors.back());
    body = {};
  };
  while (lines.next(line)) {
    if (auto head = read_head(line)) {
      finish();
      head->line = lines.number();
      result.tensors.push_back(std::move(*head));
      is_inside = true;
    } else if (tokens.is_open()) {
      tokens.take(line);
    } else if (line.find("number of input tokens") != std::string_view::npos) {
      tokens.begin(line);
    } else if (is_inside && !trim(line).empty()) {
      body.take(line, result.tensors.back());
    }
  }
  finish();
  result.tokens = tokens.whole();
  return result;
}

}  // namespace assay::trace

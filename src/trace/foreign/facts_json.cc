#include "trace/foreign/facts_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "trace/foreign/assemble.h"
#include "trace/foreign/printed.h"

namespace assay::trace {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = 64U << 20U;  // a document in memory takes several times its text
constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxRow = 1 << 26;

constexpr std::pair<std::string_view, FactKind> kStatistics[] = {
    {"mean", FactKind::mean}, {"rms", FactKind::rms}, {"min", FactKind::min},
    {"max", FactKind::max},   {"sum", FactKind::sum}, {"non_finite", FactKind::non_finite}};

class FactsReader {
 public:
  FactsReader(const std::string& name, const model::Plan& plan, const Names& names, const ForeignOptions& options,
              ForeignTrace& trace)
      : name_(name), plan_(plan), names_(names), options_(options), trace_(trace) {}

  void read(const json& document) {
    if (document.is_array()) {
      trace_.format = "token ids";
      trace_.tokens = ids(document, "the list");
      return;
    }
    trace_.format = "JSON of facts";
    known(document, "the document",
          {"tokens", "prompt_tokens", "generated", "arithmetic", "taps", "logits", "top", "version"});
    if (const json* list = member(document, "tokens")) {
      trace_.tokens = ids(*list, "tokens");
    } else {
      trace_.tokens = options_.tokens;
      trace_.prompt_tokens = options_.prompt_tokens;
    }
    if (const json* list = member(document, "generated")) trace_.generated = ids(*list, "generated");
    if (const json* count = member(document, "prompt_tokens")) trace_.prompt_tokens = index(*count, "prompt_tokens");
    if (const json* text = member(document, "arithmetic")) {
      if (!text->is_string()) fail("arithmetic", "no text");
      trace_.arithmetic = text->get<std::string>();
    }
    if (trace_.prompt_tokens == 0) trace_.prompt_tokens = trace_.tokens.size();
    if (const json* taps = member(document, "taps")) read_taps(*taps);
    const std::string& logits = plan_.values[static_cast<std::size_t>(plan_.logits)].tap;
    for (const char* key : {"logits", "top"}) {
      const json* given = member(document, key);
      if (given == nullptr) continue;
      const bool is_object = given->is_object();
      json facts = is_object ? *given : json{{std::string_view(key) == "top" ? "top" : "values", *given}};
      if (!facts.contains("row")) facts["row"] = default_row(facts);
      read_tap(logits, key, facts);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& problem) const {
    throw Error(ErrorKind::input, fmt::format("{}: {}: {}", name_, printable(where), problem),
                "docs/json.md describes what may stand there, under \"Facts of another engine\".");
  }

  /// Of logits: all rows, or those that end with what chose the first generated token.
  std::size_t default_row(const json& facts) const {
    const json* values = member(facts, "values");
    const bool is_nested = values != nullptr && values->is_array() && !values->empty() && (*values)[0].is_array();
    const std::size_t rows = is_nested ? values->size() : 1;
    return trace_.prompt_tokens - std::min(rows, trace_.prompt_tokens);
  }

  static const json* member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }

  /// A misspelled member would be a fact that nobody looks at.
  void known(const json& object, const std::string& where, std::initializer_list<std::string_view> keys) const {
    if (!object.is_object()) fail(where, "no object");
    for (const auto& [key, value] : object.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        fail(where, fmt::format("unknown member '{}'; known: {}", printable(key, 40), fmt::join(keys, ", ")));
      }
    }
  }

  /// null is a value that is not finite.
  double number(const json& value, const std::string& where) const {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) fail(where, "no number");
    return value.get<double>();
  }

  std::size_t index(const json& value, const std::string& where) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMaxRow) fail(where, "no index");
    return value.get<std::size_t>();
  }

  std::vector<std::int32_t> ids(const json& list, const std::string& where) const {
    if (!list.is_array()) fail(where, "no list of token ids");
    std::vector<std::int32_t> result;
    for (const json& id : list) {
      const bool is_id = id.is_number_unsigned() && id.get<std::uint64_t>() <= std::numeric_limits<std::int32_t>::max();
      if (!is_id) fail(where, fmt::format("element {} is no token id", result.size()));
      result.push_back(id.get<std::int32_t>());
    }
    return result;
  }

  std::vector<double> numbers(const json& list, const std::string& where) const {
    if (!list.is_array()) fail(where, "no list of numbers");
    std::vector<double> result;
    for (const json& value : list) result.push_back(number(value, where));
    return result;
  }

  void read_taps(const json& taps) {
    if (!taps.is_object()) fail("taps", "no object");
    for (const auto& [given, facts] : taps.items()) {
      const Named named = names_.find(given);
      if (named.kind != NameKind::tap || (named.targets.size() > 1 && !named.first_is_likely)) {
        const std::string why = named.remark.empty() ? "no tap of this model" : named.remark;
        trace_.extra.push_back(fmt::format("{}: {}", printable(given), why));
        continue;
      }
      // One object, or one for each of several rows.
      if (facts.is_array()) {
        for (const json& each : facts) read_tap(named.targets.front(), given, each);
      } else {
        read_tap(named.targets.front(), given, facts);
      }
    }
  }

  void read_tap(const std::string& tap_name, const std::string& given, const json& facts) {
    known(
        facts, given,
        {"row", "first", "last", "at", "values", "top", "mean", "rms", "min", "max", "sum", "non_finite", "decimals"});
    const auto value = std::find_if(plan_.values.begin(), plan_.values.end(),
                                    [&](const model::Value& candidate) { return candidate.tap == tap_name; });
    ForeignTap tap;
    tap.name = tap_name;
    tap.given_name = given;
    tap.channels = value->width;
    const std::optional<std::size_t> row = row_of(facts, given);
    read_values(facts, given, row, tap);
    read_statistics(facts, given, row, tap);
    set_resolution(facts, given, tap);
    if (!merge(trace_, std::move(tap))) fail(given, "values of a row twice");
  }

  std::optional<std::size_t> row_of(const json& facts, const std::string& given) const {
    const json* row = member(facts, "row");
    if (row == nullptr || *row == "all") return std::nullopt;
    if (row->is_number_integer() && row->get<std::int64_t>() == -1 && !trace_.tokens.empty()) {
      return trace_.tokens.size() - 1;
    }
    const std::size_t index_of_row = index(*row, given + ": row");
    if (!trace_.tokens.empty() && index_of_row >= trace_.tokens.size()) {
      fail(given, fmt::format("row {} of {} tokens", index_of_row, trace_.tokens.size()));
    }
    return index_of_row;
  }

  void read_values(const json& facts, const std::string& given, std::optional<std::size_t> row, ForeignTap& tap) const {
    const auto add = [&](FactKind kind, std::size_t channel, double value) {
      if (!row) fail(given, "values need a \"row\"");
      if (channel >= tap.channels) fail(given, fmt::format("channel {} of {}", channel, tap.channels));
      tap.facts.push_back({kind, *row, channel, value, 0});
    };
    if (const json* list = member(facts, "first")) {
      const std::vector<double> values = numbers(*list, given + ": first");
      for (std::size_t i = 0; i < values.size(); ++i) add(FactKind::value, i, values[i]);
    }
    if (const json* list = member(facts, "last")) {
      const std::vector<double> values = numbers(*list, given + ": last");
      if (values.size() > tap.channels) fail(given, fmt::format("{} last values of {}", values.size(), tap.channels));
      for (std::size_t i = 0; i < values.size(); ++i) {
        add(FactKind::value, tap.channels - values.size() + i, values[i]);
      }
    }
    for (const char* key : {"at", "top"}) {
      const json* list = member(facts, key);
      if (list == nullptr) continue;
      if (!list->is_array()) fail(given, fmt::format("'{}' is no list of pairs", key));
      for (const json& pair : *list) {
        const std::string where = fmt::format("{}: {}", given, key);
        if (!pair.is_array() || pair.size() != 2) fail(where, "no pair of channel and value");
        add(std::string_view(key) == "top" ? FactKind::top : FactKind::value, index(pair[0], where),
            number(pair[1], where));
      }
    }
    if (const json* list = member(facts, "values")) read_rows(*list, given, row, tap);
  }

  /// One whole row, or several from `row` on.
  void read_rows(const json& list, const std::string& given, std::optional<std::size_t> row, ForeignTap& tap) const {
    if (!list.is_array() || list.empty()) fail(given, "'values' is no list");
    const bool is_nested = list[0].is_array();
    std::size_t first = row.value_or(0);
    if (!row && !is_nested) fail(given, "values need a \"row\"");
    for (std::size_t i = 0; i < (is_nested ? list.size() : 1); ++i) {
      const std::vector<double> values = numbers(is_nested ? list[i] : list, given + ": values");
      if (values.size() != tap.channels) {
        fail(given, fmt::format("{} values in a row, the tap has {} channels", values.size(), tap.channels));
      }
      tap.values.insert(tap.values.end(), values.begin(), values.end());
      tap.rows.push_back(first + i);
    }
    if (!trace_.tokens.empty() && tap.rows.back() >= trace_.tokens.size()) {
      fail(given, fmt::format("row {} of {} tokens", tap.rows.back(), trace_.tokens.size()));
    }
  }

  void read_statistics(const json& facts, const std::string& given, std::optional<std::size_t> row,
                       ForeignTap& tap) const {
    for (const auto& [key, kind] : kStatistics) {
      const auto found = facts.find(key);
      if (found == facts.end()) continue;
      tap.facts.push_back({kind, row.value_or(kAllRows), 0, number(*found, fmt::format("{}: {}", given, key)), 0});
    }
  }

  void set_resolution(const json& facts, const std::string& given, ForeignTap& tap) const {
    const json* decimals = member(facts, "decimals");
    Printed printed;
    for (const Fact& fact : tap.facts) printed.add(fact.value);
    for (Fact& fact : tap.facts) {
      if (fact.kind == FactKind::non_finite) continue;
      fact.resolution = decimals == nullptr
                            ? printed.resolution(fact.value)
                            : 0.5 * std::pow(10, -static_cast<double>(index(*decimals, given + ": decimals")));
    }
  }

  const std::string& name_;
  const model::Plan& plan_;
  const Names& names_;
  const ForeignOptions& options_;
  ForeignTrace& trace_;
};

json parse(const std::string& name, std::string_view text) {
  if (text.size() > kMaxBytes) {
    throw Error(ErrorKind::input,
                fmt::format("{}: {} of JSON, more than {}", name, human_bytes(text.size()), human_bytes(kMaxBytes)),
                "Save whole values as .npy or .safetensors.");
  }
  const auto limit_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw Error(ErrorKind::input, fmt::format("{}: JSON nested too deeply", name));
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), limit_depth);
  } catch (const json::parse_error& error) {
    throw Error(ErrorKind::input,
                fmt::format("{}: no JSON, at byte offset {}", name, error.byte == 0 ? 0 : error.byte - 1),
                "NaN and Infinity have no place in JSON: write null.");
  } catch (const json::out_of_range&) {
    throw Error(ErrorKind::input, fmt::format("{}: a number that is too large for float64", name),
                "An infinity is written null.");
  }
}

}  // namespace

void read_facts(const std::string& name, std::string_view text, const model::Plan& plan, const Names& names,
                const ForeignOptions& options, ForeignTrace& trace) {
  FactsReader(name, plan, names, options, trace).read(parse(name, text));
}

}  // namespace assay::trace

#include "engine/precision.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/text.h"

namespace assay::engine {
namespace {

constexpr std::string_view kDefault = "default";

constexpr std::pair<std::string_view, Arithmetic> kArithmetics[] = {
    {"f64", Arithmetic::f64},   {"f32", Arithmetic::f32},       {"f16", Arithmetic::f16},
    {"bf16", Arithmetic::bf16}, {"f16acc", Arithmetic::f16acc}, {"q8", Arithmetic::q8}};

Arithmetic find_arithmetic(std::string_view name) {
  std::string known;
  for (const auto& [text, arithmetic] : kArithmetics) {
    if (text == name) return arithmetic;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(ErrorKind::usage, fmt::format("precision: '{}' is no arithmetic", printable(name, 40)),
              "Known: " + known + ".");
}

/// The tap of a step's output and the name of its operation.
std::array<std::string_view, 2> names_of(const model::Plan& plan, const model::Step& step) {
  return {plan.values[static_cast<std::size_t>(step.output)].tap, model::name_of(step.operation)};
}

[[noreturn]] void refuse(const std::string& pattern, const model::Plan& plan) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (const model::Step& step : plan.steps) {
    for (const std::string_view name : names_of(plan, step)) {
      if (seen.insert(name).second) names.emplace_back(name);
    }
  }
  throw Error(ErrorKind::usage,
              fmt::format("precision: '{}' matches no tap and no operation of this model", printable(pattern, 60)),
              fmt::format("Near it: {}.", fmt::join(nearest_names(pattern, names), ", ")));
}

}  // namespace

PrecisionPolicy PrecisionPolicy::parse(std::string_view text) {
  PrecisionPolicy policy;
  policy.text_ = text;
  for (std::string_view rest = text;;) {
    const std::string_view whole = rest.substr(0, rest.find(','));
    const std::string_view rule = trim(whole);
    const std::size_t equals = rule.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw Error(ErrorKind::usage,
                  fmt::format("precision: '{}' is not of the form PATTERN=ARITHMETIC", printable(rule, 60)),
                  "For example attention=f64,*.q=f64,default=f32.");
    }
    policy.rules_.emplace_back(trim(rule.substr(0, equals)), find_arithmetic(trim(rule.substr(equals + 1))));
    if (whole.size() == rest.size()) return policy;
    rest.remove_prefix(whole.size() + 1);
  }
}

std::vector<Arithmetic> PrecisionPolicy::resolve(const model::Plan& plan) const {
  std::vector<Arithmetic> chosen(plan.steps.size(), Arithmetic::f64);
  // `default` first, wherever it stands.
  for (const auto& [pattern, arithmetic] : rules_) {
    if (pattern == kDefault) std::fill(chosen.begin(), chosen.end(), arithmetic);
  }
  for (const auto& [pattern, arithmetic] : rules_) {
    if (pattern == kDefault) continue;
    bool is_used = false;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const auto names = names_of(plan, plan.steps[i]);
      if (!glob_matches(pattern, names[0]) && !glob_matches(pattern, names[1])) continue;
      chosen[i] = arithmetic;
      is_used = true;
    }
    if (!is_used) refuse(pattern, plan);
  }
  return chosen;
}

}  // namespace assay::engine

#include "report/probe_snippets.h"

#include <algorithm>
#include <cstddef>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"

extern "C" {
// Set by embedded_snippets.S; each ends where the next one begins.
extern const char assay_snippet_python[];
extern const char assay_snippet_rust[];
extern const char assay_snippet_c[];
extern const char assay_snippet_javascript[];
extern const char assay_snippets_end[];
}

namespace assay::report {
namespace {

/// "blk.0.q" -> "blk.N.q"
std::string any_layer(std::string_view tap) {
  constexpr std::string_view kFirst = "blk.0.";
  return tap.starts_with(kFirst) ? fmt::format("blk.N.{}", tap.substr(kFirst.size())) : std::string(tap);
}

std::string weight_of(const model::Plan& plan, const model::Step& step) {
  model::WeightId weight = model::kNoWeight;
  if (const auto* embed = std::get_if<model::Embed>(&step.operation)) weight = embed->table;
  if (const auto* norm = std::get_if<model::RmsNorm>(&step.operation)) weight = norm->weight;
  if (const auto* norm = std::get_if<model::LayerNorm>(&step.operation)) weight = norm->weight;
  if (const auto* linear = std::get_if<model::Linear>(&step.operation)) weight = linear->weight;
  if (const auto* experts = std::get_if<model::ExpertLinear>(&step.operation)) weight = experts->weight;
  return weight == model::kNoWeight ? "" : any_layer(plan.weights[static_cast<std::size_t>(weight)]->name);
}

/// "blk.N.q      256  linear of blk.N.attn_norm, blk.N.attn_q.weight": a line for each tap, one layer for all.
std::vector<std::string> tap_lines(const model::Plan& plan) {
  std::size_t longest = 0;
  for (const model::Value& value : plan.values) longest = std::max(longest, value.tap.size());
  std::vector<std::string> lines;
  for (const model::Step& step : plan.steps) {
    const model::Value& value = plan.values[static_cast<std::size_t>(step.output)];
    if (value.tap.starts_with("blk.") && !value.tap.starts_with("blk.0.")) continue;
    std::string of;
    const auto add = [&of](const std::string& name) { of += (of.empty() ? "" : ", ") + name; };
    for (const model::ValueId input : step.inputs) {
      const std::string& tap = plan.values[static_cast<std::size_t>(input)].tap;
      // Later layers read the one before in the place of what the first one reads.
      const bool is_from_before = value.tap.starts_with("blk.") && !tap.starts_with("blk.");
      add(is_from_before && plan.layers > 1 ? tap + " or blk.N-1.out" : any_layer(tap));
    }
    if (const std::string weight = weight_of(plan, step); !weight.empty()) add(weight);
    lines.push_back(fmt::format("{:<{}} {:>7}  {} of {}", any_layer(value.tap), longest, value.width,
                                model::name_of(step.operation), of));
  }
  return lines;
}

std::size_t width_of(const model::Plan& plan, std::string_view tap) {
  const auto found =
      std::find_if(plan.values.begin(), plan.values.end(), [&](const model::Value& value) { return value.tap == tap; });
  return found == plan.values.end() ? 0 : found->width;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::vector<Snippet> dump_snippets(const model::Plan& plan, std::string_view model, std::string_view probe) {
  const std::vector<std::string> taps = tap_lines(plan);
  const auto fill = [&](const char* begin, const char* end) {
    std::string text(begin, end);
    // Each line of the table begins as the line of its mark does.
    constexpr std::string_view kTaps = "{{taps}}";
    const std::size_t mark = text.find(kTaps);
    const std::size_t line = text.rfind('\n', mark) + 1;
    const std::string indent = text.substr(line, mark - line);
    std::string table;
    for (const std::string& tap : taps) table += (table.empty() ? "" : "\n" + indent) + tap;
    text.replace(mark, kTaps.size(), table);
    replace_all(text, "{{ids}}", fmt::format("{}/ids.txt", probe));
    replace_all(text, "{{dump}}", fmt::format("{}/dump", probe));
    replace_all(text, "{{width}}", fmt::format("{}", width_of(plan, "embed")));
    replace_all(text, "{{q_width}}", fmt::format("{}", width_of(plan, "blk.0.q")));
    replace_all(text, "{{last_layer}}", fmt::format("{}", plan.layers - 1));
    replace_all(text, "{{model}}", printable(model));
    return text;
  };
  return {{"dump.py", fill(assay_snippet_python, assay_snippet_rust)},
          {"dump.rs", fill(assay_snippet_rust, assay_snippet_c)},
          {"dump.c", fill(assay_snippet_c, assay_snippet_javascript)},
          {"dump.mjs", fill(assay_snippet_javascript, assay_snippets_end)}};
}

}  // namespace assay::report

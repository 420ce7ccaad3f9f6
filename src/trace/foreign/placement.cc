#include "trace/foreign/placement.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "trace/foreign/layout.h"

namespace assay::trace {
namespace {

// How much better than what shape and names say another reading has to fit.
constexpr double kClearlyBetter = 0.1;

void add_note(std::string& note, const std::string& more) {
  if (!note.empty() && !more.empty()) note += "; ";
  note += more;
}

std::size_t head_width_of(const model::Plan& plan, model::ValueId value) {
  for (const model::Step& step : plan.steps) {
    const auto* attention = std::get_if<model::Attention>(&step.operation);
    if (attention == nullptr) continue;
    if (step.output == value || step.inputs[2] == value) return attention->value_width;
    if (step.inputs[0] == value || step.inputs[1] == value) return attention->head_width;
  }
  const auto shape = head_shape(plan, value);
  return shape ? shape->head_width : 0;
}

}  // namespace

/// The likeliest first.
std::vector<std::size_t> Placer::possible_starts(const Layout& layout, const Dumped& dumped) const {
  if (dumped.first_token) return {*dumped.first_token};
  if (tokens_ == 0 || layout.rows >= tokens_) return {0};
  const std::size_t last = tokens_ - layout.rows;
  if (layout.rows == 1) return prompt_tokens_ == tokens_ ? std::vector{last} : std::vector{last, prompt_tokens_ - 1};
  if (layout.rows != prompt_tokens_ && layout.rows == tokens_ - prompt_tokens_) return {last, 0};
  return {0, last};
}

std::optional<Placement> Placer::place(const Dumped& dumped, model::ValueId value, bool wants_fit) const {
  const std::size_t width = plan_.values[static_cast<std::size_t>(value)].width;
  const std::vector<Layout> layouts =
      find_layouts({dumped.array->shape, dumped.values, width, head_width_of(plan_, value), tokens_});
  std::optional<Placement> likeliest;
  std::optional<Placement> best;
  for (const Layout& layout : layouts) {
    for (const std::size_t start : possible_starts(layout, dumped)) {
      if (tokens_ > 0 && start + layout.rows > tokens_) continue;
      Placement placement{layout, start, HeadOrder::unknown, 0};
      const bool is_only = layouts.size() == 1 && possible_starts(layout, dumped).size() == 1;
      if (wants_fit || !is_only) compare(dumped, value, placement);
      if (!likeliest && !layout.contradicts_shape) likeliest = placement;
      if (!best || placement.fit > best->fit) best = placement;
    }
  }
  if (!best || !likeliest) return likeliest;
  const bool is_better = best->fit >= kGoodFit && best->fit > likeliest->fit + kClearlyBetter;
  Placement& chosen = is_better ? *best : *likeliest;
  if (likeliest->layout.is_tied && best->fit < kGoodFit) {
    add_note(chosen.layout.note, "the shape fits in more than one way: taken as the likeliest");
  } else if (is_better) {
    add_note(chosen.layout.note, "as the values say");
  }
  return chosen;
}

/// Q and K are compared in both orders of channels.
void Placer::compare(const Dumped& dumped, model::ValueId value, Placement& placement) const {
  const std::size_t width = plan_.values[static_cast<std::size_t>(value)].width;
  const View as_is{dumped.values, &placement.layout, placement.first_token};
  placement.fit = content_.fit(as_is, value, width);
  const auto shape = head_shape(plan_, value);
  if (!shape || !content_.is_there()) return;
  const double turned = content_.fit({as_is.values, as_is.layout, as_is.first_token, &*shape}, value, width);
  if (std::max(placement.fit, turned) < kGoodFit) return;
  if (turned > placement.fit + kClearlyBetter) placement.head_order = HeadOrder::other;
  if (placement.fit > turned + kClearlyBetter) placement.head_order = HeadOrder::ours;
  placement.fit = std::max(placement.fit, turned);
}

ForeignTap Placer::tap(const Dumped& dumped, model::ValueId value, const Placement& placement) const {
  const model::Value& ours = plan_.values[static_cast<std::size_t>(value)];
  ForeignTap tap;
  tap.name = ours.tap;
  tap.given_name = dumped.array->name;
  tap.note = placement.layout.note;
  if (placement.head_order == HeadOrder::other) {
    add_note(tap.note,
             "the channels of each head lie in the other order, as between Hugging Face's weights and GGUF's");
  }
  if (placement.layout.rows == 1 && tokens_ > 1 && !dumped.first_token) {
    add_note(tap.note, fmt::format("one row: taken as that of token {}", placement.first_token));
  } else if (placement.layout.rows < tokens_ && !dumped.first_token) {
    add_note(tap.note, fmt::format("{} rows for {} tokens: taken as those from token {} on", placement.layout.rows,
                                   tokens_, placement.first_token));
  }
  tap.dtype = dumped.array->dtype;
  tap.head_order = placement.head_order;
  tap.channels = ours.width;
  tap.rows.resize(placement.layout.rows);
  std::iota(tap.rows.begin(), tap.rows.end(), placement.first_token);
  tap.values = rows_of(placement.layout, dumped.values, ours.width);
  return tap;
}

}  // namespace assay::trace

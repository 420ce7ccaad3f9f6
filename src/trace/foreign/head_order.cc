#include "trace/foreign/head_order.h"

#include <algorithm>
#include <variant>

namespace assay::trace {

std::optional<HeadShape> head_shape(const model::Plan& plan, model::ValueId value) {
  for (const model::Step& step : plan.steps) {
    const auto* rope = std::get_if<model::Rope>(&step.operation);
    if (rope == nullptr || (step.output != value && step.inputs[0] != value)) continue;
    return HeadShape{rope->pairing, rope->head_width, 2 * rope->frequencies.size()};
  }
  return std::nullopt;
}

std::size_t channel_in_our_order(const HeadShape& shape, std::size_t channel) {
  const std::size_t inside = channel % shape.head_width;
  if (inside >= shape.dimensions) return channel;
  const std::size_t half = shape.dimensions / 2;
  const std::size_t ours = shape.pairing == model::RopePairing::neighbours ? inside % half * 2 + inside / half
                                                                           : inside / 2 + inside % 2 * half;
  return channel - inside + ours;
}

ForeignTap in_our_order(const HeadShape& shape, ForeignTap tap) {
  std::vector<double> row(tap.channels);
  for (std::size_t begin = 0; begin < tap.values.size(); begin += tap.channels) {
    for (std::size_t channel = 0; channel < tap.channels; ++channel) {
      row[channel_in_our_order(shape, channel)] = tap.values[begin + channel];
    }
    std::copy(row.begin(), row.end(), tap.values.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  for (Fact& fact : tap.facts) {
    const bool has_channel = fact.kind == FactKind::value || fact.kind == FactKind::top;
    if (has_channel) fact.channel = channel_in_our_order(shape, fact.channel);
  }
  tap.head_order = HeadOrder::ours;
  return tap;
}

}  // namespace assay::trace

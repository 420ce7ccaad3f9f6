#include "diagnose/planting.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "diagnose/faults/layer_name.h"

namespace assay::diagnose {
namespace {

/// "blk.4.attn_k.weight" at a step of layer 3 is "blk.N+1.attn_k.weight", so that all layers that make the same mistake
/// say the same.
std::string relative(const std::string& value, const std::optional<LayerName>& own) {
  const auto other = parse_layer_name(value);
  if (!own || !other) return value;
  const auto distance = static_cast<std::ptrdiff_t>(other->layer) - static_cast<std::ptrdiff_t>(own->layer);
  return distance == 0 ? fmt::format("blk.N.{}", other->part) : fmt::format("blk.N{:+}.{}", distance, other->part);
}

std::string text_of(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) text += fmt::format("{}={} ", parameter.name, parameter.value);
  return text;
}

}  // namespace

std::string_view text(Scope scope) {
  switch (scope) {
    case Scope::everywhere:
      return "in all layers";
    case Scope::kind:
      return "in one kind of step";
    case Scope::layer:
      return "in one layer";
    case Scope::step:
      return "in one step";
  }
  return "";
}

Planter::Planter(const Site& any) : plan_(any.plan()) {
  for (std::size_t step = 0; step < plan_.steps.size(); ++step) {
    Site site = any;
    site.index = step;
    const auto own = parse_layer_name(site.tap());
    for (const Fault* fault : all_faults()) {
      if (fault->fault_class == FaultClass::rounding) continue;
      std::vector<Hypothesis> hypotheses;
      fault->propose(site, hypotheses);
      for (Hypothesis& hypothesis : hypotheses) {
        std::vector<Parameter> parameters = hypothesis.parameters;
        for (Parameter& parameter : parameters) parameter.value = relative(parameter.value, own);
        std::string name = fmt::format("{} {}", fault->name, text_of(parameters));
        proposals_.push_back({step, fault, std::move(hypothesis), std::move(name), std::move(parameters)});
      }
    }
  }
}

std::vector<Planted> Planter::plant(Scope scope) {
  std::map<std::string, Planted> groups;
  for (const Proposal& proposal : proposals_) {
    const std::string& tap = plan_.values[static_cast<std::size_t>(plan_.steps[proposal.step].output)].tap;
    std::string key = proposal.name;
    const auto name = parse_layer_name(tap);
    if (scope == Scope::kind) key += kind_of(tap);
    if (scope == Scope::layer) key += name ? std::to_string(name->layer) : tap;
    if (scope == Scope::step) key += tap;
    Planted& planted = groups[key];
    planted.fault = proposal.fault;
    planted.name = proposal.name;
    planted.parameters = planted.steps.empty() ? proposal.hypothesis.parameters : proposal.relative;
    planted.steps[proposal.step] = proposal.hypothesis;
  }
  std::vector<Planted> all;
  for (auto& [key, planted] : groups) {
    std::string steps(planted.fault->name);
    for (const auto& [step, hypothesis] : planted.steps) {
      steps += fmt::format(" {} {}", text_of(hypothesis.parameters), step);
    }
    if (planted_.insert(steps).second) all.push_back(std::move(planted));
  }
  // The order of faults among those that begin at the same step: the particular ones first.
  const auto rank = [](const Planted& planted) {
    const auto faults = all_faults();
    return std::make_pair(-static_cast<std::ptrdiff_t>(planted.steps.begin()->first),
                          std::find(faults.begin(), faults.end(), planted.fault) - faults.begin());
  };
  std::stable_sort(all.begin(), all.end(), [&](const Planted& a, const Planted& b) { return rank(a) < rank(b); });
  return all;
}

}  // namespace assay::diagnose

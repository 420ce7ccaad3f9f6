#include <utility>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/places.h"

namespace assay::diagnose {
namespace {

/// The weight of the norm that stands there, or kNoWeight.
model::WeightId weight_at(const Site& here, const Place& place) {
  const model::ValueId value = find(here, place);
  for (const model::Step& step : here.plan().steps) {
    const auto* norm = std::get_if<model::RmsNorm>(&step.operation);
    if (norm != nullptr && step.output == value) return norm->weight;
  }
  return model::kNoWeight;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* norm = site.operation<model::RmsNorm>();
  if (norm == nullptr) return;
  const Place own = place_of(site, site.step().output);
  for (const model::Step& step : site.plan().steps) {
    const auto* other = std::get_if<model::RmsNorm>(&step.operation);
    if (other == nullptr || other->group != norm->group || other->weight == norm->weight) continue;
    Place place = place_of(site, step.output);
    const bool same_block = place.back == 0;
    const bool next_block = place.inside && (place.back == 1 || place.back == -1);
    if (!same_block && !(next_block && (place.name == own.name || !own.inside))) continue;
    std::string name = text(place);
    hypotheses.push_back({{{"tensor", std::move(name)}}, [place = std::move(place)](const Site& here) {
                            model::Step changed = here.step();
                            const model::WeightId weight = weight_at(here, place);
                            if (weight != model::kNoWeight) std::get<model::RmsNorm>(changed.operation).weight = weight;
                            return here.run(changed);
                          }});
  }
}

}  // namespace

const Fault kNormWrongWeight = {
    "norm_wrong_weight",
    "normalises with the weight of another norm",
    "Look up the names: attn_norm before attention, ffn_norm before the feed-forward, output_norm before the "
    "head, each of its own block.",
    "kvark/meganeura#188 kekzl/imp#1289",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

#include <string>

#include "diagnose/faults/angles.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* rope = turning(site);
  if (rope == nullptr) return;
  const std::size_t own = 2 * rope->frequencies.size();
  for (const std::size_t divisor : {1, 2, 4}) {
    const std::size_t dimensions = rope->head_width / divisor;
    if (dimensions == own || dimensions < 2 || dimensions % 2 != 0) continue;
    const auto change = [divisor, width = rope->head_width](model::HyperParameters& hp) {
      hp.rope_dimension_count = width / divisor;
    };
    const std::string text = std::to_string(dimensions);
    if (rope_with(site, change)) {
      hypotheses.push_back({{{"dimensions", text}}, [change](const Site& here) {
                              model::Step changed = here.step();
                              if (auto other = rope_with(here, change)) changed.operation = *other;
                              return here.run(changed);
                            }});
    }
    if (dimensions < own) {
      hypotheses.push_back({{{"dimensions", text}, {"frequencies", "kept"}}, [dimensions](const Site& here) {
                              model::Step changed = here.step();
                              std::get<model::Rope>(changed.operation).frequencies.resize(dimensions / 2);
                              return here.run(changed);
                            }});
    }
  }
}

Parameter prescribe(const Site& site) {
  return {"dimensions", std::to_string(2 * site.operation<model::Rope>()->frequencies.size())};
}

}  // namespace

const Fault kRopeDimensions = {
    "rope_dimensions",
    "rotates another number of channels of a head than rope.dimension_count",
    "Rotate the first rope.dimension_count channels of each head and leave the rest as they are.",
    "huggingface/candle#3410 onnxruntime/mobius#396",
    FaultClass::mistake,
    propose,
    prescribe};

}  // namespace assay::diagnose

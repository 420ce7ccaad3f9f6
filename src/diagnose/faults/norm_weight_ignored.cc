#include <algorithm>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Norming norming(here);
                          std::fill(norming.weight.begin(), norming.weight.end(), 1.0);
                          return norming(here.input(0));
                        }});
}

}  // namespace

const Fault kNormWeightIgnored = {"norm_weight_ignored",
                                  "normalises without multiplying by the norm's weight",
                                  "Multiply the normalised vector by the norm's weight, channel by channel.",
                                  "",
                                  FaultClass::mistake,
                                  propose};

}  // namespace assay::diagnose

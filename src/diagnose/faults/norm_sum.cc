#include <cmath>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Norming norming(here);
                          norming.root = [](std::span<const double> group, double epsilon) {
                            return std::sqrt(mean_square(group) * static_cast<double>(group.size()) + epsilon);
                          };
                          return norming(here.input(0));
                        }});
}

}  // namespace

const Fault kNormSum = {"norm_sum",
                        "divides by the root of the sum of squares where the root of their mean is asked for",
                        "Divide the sum of squares by the number of channels before the root is taken.",
                        "",
                        FaultClass::mistake,
                        propose};

}  // namespace assay::diagnose

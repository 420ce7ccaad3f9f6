#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Add>() == nullptr) return;
  for (const std::size_t doubled : {0, 1}) {
    hypotheses.push_back({{{"input", doubled == 0 ? "first" : "second"}}, [doubled](const Site& here) {
                            Matrix sum = here.exact();
                            const Matrix& again = here.input(doubled);
                            for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += again.values[i];
                            return sum;
                          }});
  }
}

}  // namespace

const Fault kResidualTwice = {"residual_twice",
                              "adds one side of a residual connection twice",
                              "Add each input once; look for a fused kernel that has added the residual already.",
                              "lucidrains/alphafold3-pytorch#305",
                              FaultClass::mistake,
                              propose};

}  // namespace assay::diagnose

#include <algorithm>

#include "base/math.h"
#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void exponentials(Matrix& scores) {
  for (std::size_t i = 0; i < scores.rows; ++i) {
    double* row = scores.row(i);
    const double max = *std::max_element(row, row + scores.width);
    for (std::size_t j = 0; j < scores.width; ++j) row[j] = portable_exp(row[j] - max);
  }
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Attention>() == nullptr || site.passage.tokens.size() < 2) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Look look(here);
                          look.weigh = exponentials;
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kAttentionNotNormalised = {"attention_not_normalised",
                                       "does not divide the exponentials of attention scores by their sum",
                                       "Divide by the sum of the exponentials, which is the last line of a softmax.",
                                       "",
                                       FaultClass::mistake,
                                       propose};

}  // namespace assay::diagnose

#include <cmath>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"

namespace assay::diagnose {
namespace {

Matrix without_mean(const Matrix& x, std::size_t group) {
  Matrix centred = x;
  for (std::size_t at = 0; at < centred.values.size(); at += group) {
    double sum = 0;
    for (std::size_t c = 0; c < group; ++c) sum += x.values[at + c];
    for (std::size_t c = 0; c < group; ++c) centred.values[at + c] -= sum / static_cast<double>(group);
  }
  return centred;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::RmsNorm>() == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          const Norming norming(here);
                          return norming(without_mean(here.input(0), norming.group));
                        }});
  hypotheses.push_back({{{"mean", "subtracted in the variance alone"}}, [](const Site& here) {
                          Norming norming(here);
                          norming.root = [](std::span<const double> group, double epsilon) {
                            double sum = 0;
                            for (const double x : group) sum += x;
                            const double mean = sum / static_cast<double>(group.size());
                            return std::sqrt(mean_square(group) - mean * mean + epsilon);
                          };
                          return norming(here.input(0));
                        }});
}

}  // namespace

const Fault kNormLayer = {"norm_layer",
                          "subtracts the mean before normalising (LayerNorm) where the model has RMSNorm",
                          "Leave the mean in: x / sqrt(mean(x^2) + epsilon) * weight.",
                          "keras-team/keras#22393 huggingface/pytorch-image-models#2380",
                          FaultClass::mistake,
                          propose};

}  // namespace assay::diagnose

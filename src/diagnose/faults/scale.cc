#include <cmath>
#include <vector>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/solve.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

std::vector<Usual> usual_factors(const Site& site) {
  const model::HyperParameters& hp = site.hyper_parameters();
  std::vector<Usual> factors = {{1, "1"}, {2, "2"}, {0.5, "1/2"}, {-1, "-1"}};
  for (const auto& of : {factors_of(hp.embedding_length, "n_embd"), factors_of(hp.key_length, "d_head")}) {
    factors.insert(factors.end(), of.begin(), of.end());
  }
  factors.push_back({std::sqrt(0.5), "1/sqrt(2)"});
  factors.push_back({std::sqrt(2.0), "sqrt(2)"});
  return factors;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.given == nullptr || site.operation<model::TopK>() != nullptr) return;
  const Matrix right = site.exact();
  double square = 0;
  double product = 0;
  for (std::size_t i = 0; i < right.values.size(); ++i) {
    square += right.values[i] * right.values[i];
    product += right.values[i] * site.given->values[i];
  }
  const double solved = product / square;
  if (!std::isfinite(solved)) return;
  const auto error = [&](double factor) { return disagreement(times(right, factor), *site.given); };
  // Another direction is no scale.
  constexpr double kScaled = 0.1;
  if (error(solved) > kScaled) return;
  const Usual factor = settle(solved, usual_factors(site), error).front();
  // Nearer to 1 than this it is rounding.
  constexpr double kLeast = 1e-3;
  if (std::abs(factor.value - 1) < kLeast) return;
  hypotheses.push_back(
      {{{"factor", factor.text}}, [value = factor.value](const Site& here) { return times(here.exact(), value); }});
}

}  // namespace

const Fault kScale = {"scale",
                      "multiplies this value by a factor that does not belong there",
                      "Look for a scale that is applied at the wrong place, twice, or baked into a weight.",
                      "chrishayuk/larql#253 antonellof/ferrox#186 mattn/tensai#248",
                      FaultClass::mistake,
                      propose};

}  // namespace assay::diagnose

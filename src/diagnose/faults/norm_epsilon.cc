#include <algorithm>
#include <cmath>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"
#include "diagnose/faults/solve.h"

namespace assay::diagnose {
namespace {

double outside(std::span<const double> group, double epsilon) { return std::sqrt(mean_square(group)) + epsilon; }

Matrix normed(const Site& here, double epsilon, const RootOf& root) {
  Norming norming(here);
  norming.epsilon = epsilon;
  norming.root = root;
  return norming(here.input(0));
}

/// The epsilon that the given roots say, inside or outside of the root. 0 when they say less.
double solve(const Site& site, bool is_outside) {
  const Norming norming(site);
  const Matrix& input = site.input(0);
  double weighted = 0;
  double weights = 0;
  for (std::size_t at = 0; at < input.values.size(); at += norming.group) {
    const double* x = input.values.data() + at;
    const double* given = site.given->values.data() + at;
    double square = 0;
    double product = 0;
    for (std::size_t c = 0; c < norming.group; ++c) {
      const double right = x[c] * norming.weight[c];
      square += right * right;
      product += right * given[c];
    }
    const double root = square / product;
    const double mean = mean_square({x, norming.group});
    const double epsilon = is_outside ? root - std::sqrt(mean) : root * root - mean;
    // Rounding is relative to the root, so small vectors say more.
    const double weight = is_outside ? 1 / mean : 1 / (mean * mean);
    if (!std::isfinite(epsilon * weight)) continue;
    weighted += epsilon * weight;
    weights += weight;
  }
  return weights > 0 ? std::max(0.0, weighted / weights) : 0;
}

void propose_place(const Site& site, double own, bool is_outside, std::vector<Hypothesis>& hypotheses) {
  const Matrix right = site.given == nullptr ? site.exact() : Matrix();
  const RootOf root = is_outside ? outside : right_root;
  std::vector<Usual> values = {{own, number(own)}, {1e-5, "1e-5"}, {1e-6, "1e-6"}, {1e-8, "1e-8"},
                               {1e-12, "1e-12"},   {1e-3, "1e-3"}, {0, "0"}};
  const auto error = [&](double epsilon) { return disagreement(normed(site, epsilon, root), *site.given); };
  if (site.given != nullptr) values = {settle(solve(site, is_outside), values, error, 2)};
  for (const Usual& epsilon : values) {
    // Files hold float32 numbers; and without an epsilon there is no place.
    const bool is_own = std::abs(epsilon.value - own) <= 1e-6 * own;
    if (is_outside ? epsilon.value == 0 : is_own) continue;
    if (site.given == nullptr) {
      if (is_outside && !is_own) continue;
      // Vectors are often so large that no epsilon of these matters.
      constexpr double kVisible = 1e-6;
      if (disagreement(normed(site, epsilon.value, root), right) < kVisible) continue;
    }
    std::vector<Parameter> parameters = {{"epsilon", epsilon.text}};
    if (is_outside) parameters.push_back({"place", "outside"});
    hypotheses.push_back(
        {std::move(parameters), [root, value = epsilon.value](const Site& here) { return normed(here, value, root); }});
  }
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* norm = site.operation<model::RmsNorm>();
  if (norm == nullptr) return;
  propose_place(site, norm->epsilon, false, hypotheses);
  propose_place(site, norm->epsilon, true, hypotheses);
}

}  // namespace

const Fault kNormEpsilon = {
    "norm_epsilon",
    "normalises with another epsilon than the file's, or adds it outside of the root",
    "Read attention.layer_norm_rms_epsilon from the file and add it to the mean square before the root.",
    "ggml-org/llama.cpp#2373 ggml-org/llama.cpp#2374 ggml-org/llama.cpp#2384 apache/tvm#15856 "
    "NVIDIA/cutlass#1112 nomic-ai/gpt4all#1946 meta-llama/llama#771 allenai/OLMo#281",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

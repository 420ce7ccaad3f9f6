#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/normalize.h"
#include "diagnose/faults/solve.h"

namespace assay::diagnose {
namespace {

double outside(std::span<const double> group, double epsilon) { return std::sqrt(mean_square(group)) + epsilon; }

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

/// An epsilon, and where it is added.
struct Way {
  Usual epsilon;
  bool is_outside;
};

Matrix normed(const Site& here, const Way& way) {
  Norming norming(here);
  norming.epsilon = way.epsilon.value;
  if (way.is_outside) norming.root = outside;
  return norming(here.input(0));
}

void push(const Way& way, std::vector<Hypothesis>& hypotheses) {
  std::vector<Parameter> parameters = {{"epsilon", way.epsilon.text}};
  if (way.is_outside) parameters.push_back({"place", "outside"});
  hypotheses.push_back({std::move(parameters), [way](const Site& here) { return normed(here, way); }});
}

/// What an epsilon at that place leaves unexplained, at best.
struct Solved {
  std::vector<Usual> epsilons;
  double left;
  bool is_usual;
};

Solved solved(const Site& site, bool is_outside, const std::vector<Usual>& usual) {
  const auto error = [&](double epsilon) {
    return disagreement(normed(site, {{epsilon, ""}, is_outside}), *site.given);
  };
  std::vector<Usual> epsilons = settle(solve(site, is_outside), usual, error, 2);
  double left = INFINITY;
  for (const Usual& epsilon : epsilons) left = std::min(left, error(epsilon.value));
  const bool is_usual = std::any_of(usual.begin(), usual.end(),
                                    [&](const Usual& other) { return other.value == epsilons.front().value; });
  // Less than that is rounding.
  return {std::move(epsilons), std::max(left, 1e-7), is_usual};
}

void propose_solved(const Site& site, const std::vector<Usual>& usual, std::vector<Hypothesis>& hypotheses) {
  const Solved inside = solved(site, false, usual);
  const Solved beside = solved(site, true, usual);
  // Where both places explain the values, the one of a usual number, and rather inside.
  constexpr double kClearly = 3;
  const bool is_outside = beside.left * kClearly < inside.left ||
                          (beside.left < inside.left * kClearly && beside.is_usual && !inside.is_usual);
  if (!is_outside && inside.epsilons.front().value == usual.front().value) return;
  for (const Usual& epsilon : is_outside ? beside.epsilons : inside.epsilons) {
    if (!is_outside || epsilon.value > 0) push({epsilon, is_outside}, hypotheses);
  }
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* norm = site.operation<model::RmsNorm>();
  if (norm == nullptr) return;
  const Usual own = {norm->epsilon, number(norm->epsilon)};
  std::vector<Usual> usual = {own};
  for (const Usual& epsilon :
       std::vector<Usual>{{1e-5, "1e-5"}, {1e-6, "1e-6"}, {1e-8, "1e-8"}, {1e-12, "1e-12"}, {0, "0"}, {1e-3, "1e-3"}}) {
    // Files hold float32 numbers.
    if (std::abs(epsilon.value - own.value) > 1e-6 * own.value) usual.push_back(epsilon);
  }
  if (site.given != nullptr) return propose_solved(site, usual, hypotheses);
  const Matrix right = site.exact();
  for (const Usual& epsilon : usual) {
    const Way way = {epsilon, epsilon.value == own.value};
    // Vectors are often so large that no epsilon of these matters.
    constexpr double kVisible = 1e-6;
    if (disagreement(normed(site, way), right) > kVisible) push(way, hypotheses);
  }
}

Parameter prescribe(const Site& site) { return {"epsilon", number(site.operation<model::RmsNorm>()->epsilon)}; }

}  // namespace

const Fault kNormEpsilon = {
    "norm_epsilon",
    "normalises with another epsilon than the file's, or adds it outside of the root",
    "Read attention.layer_norm_rms_epsilon from the file and add it to the mean square before the root.",
    "ggml-org/llama.cpp#2373 ggml-org/llama.cpp#2374 ggml-org/llama.cpp#2384 apache/tvm#15856 "
    "NVIDIA/cutlass#1112 nomic-ai/gpt4all#1946 meta-llama/llama#771 allenai/OLMo#281",
    FaultClass::mistake,
    propose,
    prescribe};

}  // namespace assay::diagnose

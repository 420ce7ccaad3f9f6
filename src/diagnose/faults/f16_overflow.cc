#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/precision.h"

namespace assay::diagnose {
namespace {

constexpr double kLargestHalf = 65504;

Matrix limit(Matrix matrix, double becomes) {
  for (double& value : matrix.values) {
    if (std::fabs(value) > kLargestHalf) value = std::copysign(becomes, value);
  }
  return matrix;
}

/// Only what the candidate said can show an overflow.
void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.given == nullptr) return;
  if (lost_finiteness(site)) {
    hypotheses.push_back({{{"becomes", "inf"}}, [](const Site& here) {
                            return limit(here.exact(), std::numeric_limits<double>::infinity());
                          }});
    hypotheses.push_back({{{"becomes", "inf"}, {"where", "inputs"}},
                          [](const Site& here) { return run_in(here, engine::Arithmetic::f16); }});
    hypotheses.push_back({{{"becomes", "inf"}, {"where", "sums"}},
                          [](const Site& here) { return run_in(here, engine::Arithmetic::f16acc); }});
  }
  const auto is_largest = [](double value) { return std::fabs(value) == kLargestHalf; };
  if (std::any_of(site.given->values.begin(), site.given->values.end(), is_largest)) {
    hypotheses.push_back({{{"becomes", "65504"}}, [](const Site& here) { return limit(here.exact(), kLargestHalf); }});
  }
}

}  // namespace

const Fault kF16Overflow = {
    "f16_overflow",
    "holds values in float16 that are larger than 65504",
    "Keep this value, and the sums that make it, in float32 or bfloat16.",
    "ggml-org/llama.cpp#27016 ggml-org/llama.cpp#11920 ggml-org/llama.cpp#17746 ollama/ollama#18070 "
    "microsoft/onnxruntime#29611 ikawrakow/ik_llama.cpp#1776",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

#include <algorithm>
#include <cmath>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

constexpr double kSmallestNormalHalf = 0x1p-14;

Matrix flush(Matrix matrix) {
  for (double& value : matrix.values) value = std::fabs(value) < kSmallestNormalHalf ? 0 : value;
  return matrix;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto has_zero = [](const Matrix& matrix) {
    return std::find(matrix.values.begin(), matrix.values.end(), 0.0) != matrix.values.end();
  };
  if (site.given != nullptr && !has_zero(*site.given)) return;
  hypotheses.push_back({{}, [](const Site& here) { return flush(here.exact()); }});
}

}  // namespace

const Fault kFlushToZero = {"flush_to_zero",
                            "makes zeros of results below the smallest normal float16, 6.1e-5",
                            "Let float16 have its subnormal numbers, or keep small values in float32.",
                            "invergent-ai/surogate#162",
                            FaultClass::rounding,
                            propose};

}  // namespace assay::diagnose

#include "diagnose/faults/normalize.h"

#include <cmath>

namespace assay::diagnose {

double mean_square(std::span<const double> group) {
  double sum = 0;
  for (const double x : group) sum += x * x;
  return sum / static_cast<double>(group.size());
}

double right_root(std::span<const double> group, double epsilon) { return std::sqrt(mean_square(group) + epsilon); }

Norming::Norming(const Stepper& stepper, const model::RmsNorm& norm)
    : weight(stepper.decode(norm.weight).values), epsilon(norm.epsilon), group(norm.group) {}

Matrix Norming::operator()(const Matrix& x) const {
  Matrix output(x.rows, x.width);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t at = 0; at < x.width; at += group) {
      const double* in = x.row(i) + at;
      const double divisor = root({in, group}, epsilon);
      for (std::size_t c = 0; c < group; ++c) output.row(i)[at + c] = in[c] / divisor * weight[c % weight.size()];
    }
  }
  return output;
}

}  // namespace assay::diagnose

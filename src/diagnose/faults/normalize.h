// Root-mean-square norms with something else in them than the plan has.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// What a group of channels is divided by.
using RootOf = std::function<double(std::span<const double> group, double epsilon)>;

double mean_square(std::span<const double> group);

/// sqrt(mean(x^2) + epsilon), as the plan's norms have it.
double right_root(std::span<const double> group, double epsilon);

struct Norming {
  std::vector<double> weight;  ///< one a channel of a group
  double epsilon;
  std::size_t group;
  RootOf root = right_root;

  Norming(const Stepper& stepper, const model::RmsNorm& norm);
  /// As the step has it. The step is an RmsNorm.
  explicit Norming(const Site& here) : Norming(here.stepper, *here.operation<model::RmsNorm>()) {}
  Matrix operator()(const Matrix& x) const;
};

}  // namespace assay::diagnose

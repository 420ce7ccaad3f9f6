// How far a candidate turned the pairs of channels of a rotary step, for reading its base or its positions off.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// For each row and pair, over all heads, the sum of conj(x) g with a pair of the input as the complex number x and the
/// candidate's as g. Turned by t it is their agreement.
class Angles {
 public:
  /// The step is a Rope whose output was given.
  explicit Angles(const Site& site);

  /// The lowest position above 0, and the highest; 0 when there is none.
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// How well turning by position * frequencies agrees, over positions up to `limit`: the larger the better.
  double agreement(std::span<const double> frequencies, double limit) const;

  /// By pair, the sum over all rows, turned back by position * frequencies: what every position is off by.
  struct Sum {
    double cosine;
    double sine;
  };
  std::vector<Sum> turned_back(std::span<const double> frequencies) const;

 private:
  struct Row {
    double position;
    std::vector<Sum> pairs;
  };
  std::vector<Row> rows_;
  double lowest_ = 0;
  double highest_ = 0;
};

/// The step's Rope as the model would have it with other hyper-parameters: its frequencies and its magnitude.
class RopeOfModel {
 public:
  explicit RopeOfModel(const Site& site);

  /// None when they are impossible, or when the step's own do not follow from the model's hyper-parameters.
  std::optional<model::Rope> with(const std::function<void(model::HyperParameters&)>& change) const;

 private:
  const Site& site_;
  std::vector<double> divisors_;  // of a tensor; empty without
  bool follows_ = false;
};

/// The tensors of phi3, of which it depends on the context which one is right.
inline constexpr const char* kShortFactors = "rope_factors_short.weight";
inline constexpr const char* kLongFactors = "rope_factors_long.weight";

/// The step's Rope with frequencies that the values of such a tensor divide. None where the file has no such tensor.
std::optional<model::Rope> rope_with_factors(const Site& site, std::string_view tensor);

/// As RopeOfModel for one change.
std::optional<model::Rope> rope_with(const Site& site, const std::function<void(model::HyperParameters&)>& change);

}  // namespace assay::diagnose

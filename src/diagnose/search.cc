#include "diagnose/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <variant>

#include "diagnose/observation.h"

namespace assay::diagnose {
namespace {

/// A residual below this is the rounding of float32 numbers and says nothing.
constexpr double kSmallest = 2e-7;
constexpr double kAlike = 3;
/// So many rows of a large step are tried; what helps there is run on all.
constexpr std::size_t kTriedRows = 4;
constexpr std::size_t kLargeStep = std::size_t{1} << 20;  // weights of a matrix

/// Some rows of all values.
class SomeRows final : public Values {
 public:
  SomeRows(const Values& all, std::vector<std::size_t> rows) : all_(all), rows_(std::move(rows)) {}
  const Matrix& value(model::ValueId id) const override {
    const auto found = copies_.find(id);
    if (found != copies_.end()) return found->second;
    return copies_[id] = pick(all_.value(id));
  }
  Matrix pick(const Matrix& all) const {
    Matrix some(rows_.size(), all.width);
    for (std::size_t i = 0; i < rows_.size(); ++i) std::copy_n(all.row(rows_[i]), all.width, some.row(i));
    return some;
  }

 private:
  const Values& all_;
  std::vector<std::size_t> rows_;
  mutable std::map<model::ValueId, Matrix> copies_;
};

/// The observed step alone, on a few of its rows, when the step is large and was given whole.
class Trial {
 public:
  Trial(const Replay& replay, std::size_t step) : site_(replay.site(step)) {
    const auto* linear = site_.operation<model::Linear>();
    const std::size_t count = replay.passage().tokens.size();
    if (linear == nullptr || site_.given == nullptr || count <= kTriedRows) return;
    if (site_.tensor(linear->weight).values() < kLargeStep) return;
    std::vector<std::size_t> rows(kTriedRows);
    for (std::size_t i = 0; i < kTriedRows; ++i) rows[i] = (i + 1) * (count - 1) / kTriedRows;
    for (const std::size_t row : rows) {
      passage_.tokens.push_back(replay.passage().tokens[row]);
      passage_.positions.push_back(replay.passage().positions[row]);
    }
    passage_.prompt_tokens = static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(), [&](std::size_t row) { return row < replay.passage().prompt_tokens; }));
    values_.emplace(replay, rows);
    given_.values = values_->pick(*site_.given).values;
    given_.rows.resize(kTriedRows);
    std::iota(given_.rows.begin(), given_.rows.end(), std::size_t{0});
  }

  bool is_possible() const { return values_.has_value(); }
  /// 0 where these rows cannot tell.
  double residual(const Hypothesis& hypothesis) const {
    const Site few{site_.model, site_.stepper, passage_, *values_, site_.index, nullptr};
    const Matrix output = hypothesis.run(few);
    return output.empty() ? 0 : diagnose::residual(given_, output);
  }

 private:
  Site site_;
  Passage passage_;
  std::optional<SomeRows> values_;
  trace::ForeignTap given_;
};

std::size_t rank_of(const Fault* fault) {
  const auto all = all_faults();
  const auto place = static_cast<std::size_t>(std::find(all.begin(), all.end(), fault) - all.begin());
  return place + (fault->fault_class == FaultClass::rounding ? all.size() : 0);
}

}  // namespace

bool are_alike(double a, double b) {
  const double low = std::max(std::min(a, b), kSmallest);
  return std::max(a, b) <= kAlike * low;
}

std::vector<Explanation> explain(const Replay& replay, std::size_t step, double residual) {
  const Trial trial(replay, step);
  std::vector<Explanation> found;
  for (const std::size_t faulty : replay.region(step)) {
    const Site site = replay.site(faulty);
    for (const Fault* fault : all_faults()) {
      std::vector<Hypothesis> hypotheses;
      fault->propose(site, hypotheses);
      for (Hypothesis& hypothesis : hypotheses) {
        // A mistake that does not halve what is unexplained in some rows does not explain all rows.
        if (faulty == step && trial.is_possible() && !(trial.residual(hypothesis) < residual / 2)) continue;
        const double left = diagnose::residual(*replay.given(step), replay.predict(step, faulty, hypothesis));
        if (left < residual) found.push_back({faulty, fault, std::move(hypothesis), left});
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Explanation& a, const Explanation& b) { return a.residual < b.residual; });
  // The alike ones at the front, the particular before the general.
  const auto alike = std::find_if(found.begin(), found.end(), [&](const Explanation& explanation) {
    return !are_alike(explanation.residual, found.front().residual);
  });
  std::stable_sort(found.begin(), alike, [](const Explanation& a, const Explanation& b) {
    return std::make_pair(rank_of(a.fault), b.step) < std::make_pair(rank_of(b.fault), a.step);
  });
  return found;
}

double residual_with(const Replay& replay, std::size_t step, const Fault& fault, Hypothesis& hypothesis) {
  std::vector<Hypothesis> proposed;
  fault.propose(replay.site(step), proposed);
  const auto same = [&](const Hypothesis& other) {
    return std::equal(other.parameters.begin(), other.parameters.end(), hypothesis.parameters.begin(),
                      hypothesis.parameters.end(),
                      [](const Parameter& a, const Parameter& b) { return a.name == b.name && a.value == b.value; });
  };
  const auto found = std::find_if(proposed.begin(), proposed.end(), same);
  if (found == proposed.end()) return std::numeric_limits<double>::infinity();
  hypothesis = std::move(*found);
  return residual(*replay.given(step), replay.predict(step, step, hypothesis));
}

}  // namespace assay::diagnose

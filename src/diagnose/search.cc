#include "diagnose/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include "diagnose/observation.h"

namespace assay::diagnose {
namespace {

/// A residual below this is the rounding of float32 numbers and says nothing.
constexpr double kSmallest = 2e-7;
constexpr double kAlike = 3;
/// So many rows are tried; what helps there is run on all.
constexpr std::size_t kTriedRows = 4;

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

/// The observed step on a few of its rows, when those do not depend on the others and there are many.
class Trial {
 public:
  Trial(const Replay& replay, std::size_t step, const std::vector<std::size_t>& region) : replay_(replay), step_(step) {
    const std::size_t count = replay.passage().tokens.size();
    if (!replay.is_whole(step) || count <= kTriedRows) return;
    std::vector<std::size_t> rows(kTriedRows);
    for (std::size_t i = 0; i < kTriedRows; ++i) rows[i] = (i + 1) * (count - 1) / kTriedRows;
    for (const std::size_t row : rows) {
      passage_.tokens.push_back(replay.passage().tokens[row]);
      passage_.positions.push_back(replay.passage().positions[row]);
    }
    passage_.prompt_tokens = replay.passage().prompt_tokens;
    values_.emplace(replay, rows);
    given_.values = values_->pick(replay.value(replay.plan().steps[step].output)).values;
    given_.rows.resize(kTriedRows);
    std::iota(given_.rows.begin(), given_.rows.end(), std::size_t{0});
    for (const std::size_t other : region) {
      if (std::holds_alternative<model::Attention>(replay.plan().steps[other].operation)) {
        first_ = other + 1;
        break;
      }
    }
  }

  /// What a fault at this step leaves in those rows; 0 where they cannot tell.
  double residual(std::size_t faulty, const Hypothesis& hypothesis) const {
    if (!values_ || faulty < first_) return 0;
    const Matrix output = replay_.predict(step_, faulty, hypothesis, *values_, passage_);
    return output.empty() ? 0 : diagnose::residual(given_, output);
  }

 private:
  const Replay& replay_;
  std::size_t step_;
  std::size_t first_ = 0;  // step of the region behind its last attention, which reads all rows
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

std::vector<Explanation> explain(const Replay& replay, std::size_t step, double residual, bool pass_seen_right) {
  const std::vector<std::size_t> region = replay.region(step, pass_seen_right);
  const Trial trial(replay, step, region);
  std::vector<Explanation> found;
  for (const std::size_t faulty : region) {
    const Site site = replay.site(faulty);
    for (const Fault* fault : all_faults()) {
      std::vector<Hypothesis> hypotheses;
      fault->propose(site, hypotheses);
      for (Hypothesis& hypothesis : hypotheses) {
        // What does not halve the residual of some rows does not explain all rows.
        if (!(trial.residual(faulty, hypothesis) < residual / 2)) continue;
        const Matrix output = replay.predict(step, faulty, hypothesis);
        if (output.empty()) continue;
        const double left = diagnose::residual(*replay.given(step), output);
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

std::optional<TogetherExplained> explain_together(const Replay& replay, std::size_t step, double residual) {
  const model::Operation& operation = replay.plan().steps[step].operation;
  if (!std::holds_alternative<model::Rope>(operation) && !std::holds_alternative<model::Attention>(operation))
    return {};
  if (!replay.is_whole(step)) return {};
  std::vector<Explanation> singles;
  for (const Fault* fault : all_faults()) {
    if (fault->fault_class == FaultClass::rounding) continue;
    // What is solved from the output is solved wrongly when two faults made it: the usual values are tried too.
    Site site = replay.site(step);
    std::vector<Hypothesis> hypotheses;
    fault->propose(site, hypotheses);
    site.given = nullptr;
    fault->propose(site, hypotheses);
    for (Hypothesis& hypothesis : hypotheses) singles.push_back({step, fault, std::move(hypothesis), 0});
  }
  std::optional<TogetherExplained> best;
  for (const Explanation& first : singles) {
    for (const Explanation& second : singles) {
      if (first.fault == second.fault) continue;
      Hypothesis together = both(first.hypothesis, second.hypothesis);
      const Matrix output = replay.predict(step, step, together);
      if (output.empty()) continue;
      const double left = diagnose::residual(*replay.given(step), output);
      if (!(left < (best ? best->residual : residual))) continue;
      best = TogetherExplained{first, second, std::move(together), left};
    }
  }
  if (!best) return best;
  for (Explanation* one : {&best->first, &best->second}) {
    one->residual = diagnose::residual(*replay.given(step), replay.predict(step, step, one->hypothesis));
  }
  return best;
}

double residual_with(const Replay& replay, std::size_t step, std::size_t faulty, const Fault& fault,
                     Hypothesis& hypothesis) {
  std::vector<Hypothesis> proposed;
  fault.propose(replay.site(faulty), proposed);
  const auto same = [&](const Hypothesis& other) { return other.parameters == hypothesis.parameters; };
  const auto found = std::find_if(proposed.begin(), proposed.end(), same);
  if (found == proposed.end()) return std::numeric_limits<double>::infinity();
  hypothesis = std::move(*found);
  return residual(*replay.given(step), replay.predict(step, faulty, hypothesis));
}

}  // namespace assay::diagnose

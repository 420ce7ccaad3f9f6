// A tiny model's passage with every value computed exactly, so that faults can be tried at each of its steps.
#pragma once

#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "diagnose/fault.h"
#include "tests/support/tiny_model.h"

namespace assay::test {

class Sites final : public diagnose::Values {
 public:
  /// The prompt, then `decoded` tokens one by one.
  explicit Sites(const TinyModel& tiny, std::size_t prompt = 7, std::size_t decoded = 3)
      : model_(tiny), stepper_(model_->plan, 1) {
    for (std::size_t i = 0; i < prompt + decoded; ++i) {
      passage_.tokens.push_back(static_cast<std::int32_t>((11 * i + 5) % model_->plan.vocabulary));
      passage_.positions.push_back(i);
    }
    passage_.prompt_tokens = prompt;
    values_.resize(model_->plan.values.size());
    for (std::size_t step = 0; step < model_->plan.steps.size(); ++step) {
      values_[static_cast<std::size_t>(model_->plan.steps[step].output)] = at(step).exact();
    }
  }

  std::size_t size() const { return model_->plan.steps.size(); }
  const diagnose::Passage& passage() const { return passage_; }
  const diagnose::Matrix& value(model::ValueId id) const override { return values_[static_cast<std::size_t>(id)]; }
  diagnose::Site at(std::size_t step, const diagnose::Matrix* given = nullptr) const {
    return {*model_, stepper_, passage_, *this, step, given};
  }
  /// The step that writes this tap.
  diagnose::Site at(std::string_view tap, const diagnose::Matrix* given = nullptr) const {
    std::size_t step = 0;
    while (at(step).tap() != tap) ++step;
    return at(step, given);
  }

 private:
  LoadedModel model_;
  diagnose::Stepper stepper_;
  diagnose::Passage passage_;
  std::vector<diagnose::Matrix> values_;
};

/// |a - b| / |b|.
inline double distance(const diagnose::Matrix& a, const diagnose::Matrix& b) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < b.values.size(); ++i) {
    difference += (a.values[i] - b.values[i]) * (a.values[i] - b.values[i]);
    size += b.values[i] * b.values[i];
  }
  return std::sqrt(difference / size);
}

}  // namespace assay::test

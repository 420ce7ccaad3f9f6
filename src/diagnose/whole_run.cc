#include "diagnose/whole_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

namespace assay::diagnose {
namespace {

/// What differs by less, relative to the right output, is not told from the rounding of float32.
constexpr double kNoChange = 1e-7;

std::size_t index(model::ValueId id) { return static_cast<std::size_t>(id); }

/// The plan's values behind the first faulty step.
class Faulty final : public Values {
 public:
  explicit Faulty(const RightValues& right) : right_(right) {}
  const Matrix& value(model::ValueId id) const override {
    const auto found = changed.find(id);
    return found == changed.end() ? right_.value(id) : found->second;
  }
  std::map<model::ValueId, Matrix> changed;

 private:
  const RightValues& right_;
};

/// Of the first `count` values.
bool are_same(const Matrix& a, const Matrix& b, std::size_t count) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    difference += (a.values[i] - b.values[i]) * (a.values[i] - b.values[i]);
    size += b.values[i] * b.values[i];
  }
  return difference <= kNoChange * kNoChange * size;
}

std::optional<Hypothesis> hypothesis_at(const Candidate& faults, std::size_t step) {
  std::optional<Hypothesis> hypothesis;
  for (const Planted* one : faults) {
    const auto found = one->steps.find(step);
    if (found != one->steps.end()) hypothesis = hypothesis ? both(*hypothesis, found->second) : found->second;
  }
  return hypothesis;
}

}  // namespace

RightValues::RightValues(const model::Model& model, const Passage& passage, int threads)
    : model_(model), passage_(passage), values_(model.plan.values.size()) {
  const Stepper stepper(model.plan, threads);
  for (std::size_t step = 0; step < plan().steps.size(); ++step) {
    values_[index(plan().steps[step].output)] = Site{model_, stepper, passage_, *this, step, nullptr}.exact();
  }
}

RightValues RightValues::first(std::size_t tokens) const {
  Passage passage = passage_;
  passage.tokens.resize(tokens);
  passage.positions.resize(tokens);
  passage.prompt_tokens = std::min(passage.prompt_tokens, tokens);
  RightValues beginning(model_, std::move(passage));
  for (const Matrix& all : values_) {
    Matrix& some = beginning.values_.emplace_back(all.empty() ? 0 : tokens, all.width);
    std::copy_n(all.values.begin(), some.values.size(), some.values.begin());
  }
  return beginning;
}

Matrix RightValues::logits_with(const Candidate& faults, const Stepper& stepper) const {
  Faulty values(*this);
  for (std::size_t step = 0; step < plan().steps.size(); ++step) {
    const model::Step& here = plan().steps[step];
    const std::optional<Hypothesis> hypothesis = hypothesis_at(faults, step);
    const bool is_reached = std::any_of(here.inputs.begin(), here.inputs.end(),
                                        [&](model::ValueId input) { return values.changed.count(input) > 0; });
    if (!hypothesis && !is_reached) continue;
    const Site site{model_, stepper, passage_, values, step, nullptr};
    Matrix output = hypothesis ? hypothesis->run(site) : site.exact();
    if (is_reached || !are_same(output, value(here.output), output.values.size())) {
      values.changed[here.output] = std::move(output);
    }
  }
  return values.value(plan().logits);
}

Matrix RightValues::logits_by(const Stepper& stepper, engine::Arithmetic arithmetic) const {
  std::map<model::ValueId, Matrix> values;
  for (const model::Step& step : plan().steps) {
    std::vector<const Matrix*> inputs;
    inputs.reserve(step.inputs.size());
    for (const model::ValueId input : step.inputs) inputs.push_back(&values.at(input));
    values[step.output] = stepper.run(step, passage_, inputs, arithmetic);
  }
  return values.at(plan().logits);
}

std::size_t RightValues::bytes() const {
  std::size_t bytes = 0;
  for (const Matrix& value : values_) bytes += value.values.size() * sizeof(double);
  return bytes;
}

bool is_causal(const Planted& planted, const RightValues& few, const RightValues& more, const Stepper& stepper) {
  const auto& [step, hypothesis] = *planted.steps.begin();
  const Matrix early = hypothesis.run({few.model(), stepper, few.passage(), few, step, nullptr});
  const Matrix late = hypothesis.run({more.model(), stepper, more.passage(), more, step, nullptr});
  return are_same(late, early, early.values.size());
}

}  // namespace assay::diagnose

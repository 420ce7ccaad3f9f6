#include "compare/depth.h"

#include <algorithm>
#include <memory>
#include <span>

#include "base/error.h"
#include "compare/growth.h"
#include "compare/tap_meter.h"
#include "compare/verdict.h"

namespace assay::compare {
namespace {

std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

/// Which value of a plan an observer is shown.
std::size_t index_of(const model::Plan& plan, const model::Value& value) {
  return static_cast<std::size_t>(&value - plan.values.data());
}

/// The rows of one value, copied.
struct KeptRows {
  std::vector<float> f32;
  std::vector<double> f64;
  std::size_t count = 0;
  std::size_t width = 0;

  void keep(const engine::Rows& rows) {
    count = rows.count;
    width = rows.width;
    if (rows.f64 != nullptr) {
      f64.assign(rows.f64, rows.f64 + count * width);
    } else {
      f32.assign(rows.f32, rows.f32 + count * width);
    }
  }
  engine::Rows rows() const {
    return {f64.empty() ? f32.data() : nullptr, f64.empty() ? nullptr : f64.data(), count, width};
  }
  void copy_to(const engine::TapRows& rows) const {
    std::copy(f32.begin(), f32.end(), rows.f32);
    std::copy(f64.begin(), f64.end(), rows.f64);
  }
};

class Keeper final : public engine::Observer {
 public:
  explicit Keeper(const model::Plan& plan) : plan_(plan), values_(plan.values.size()) {}
  void observe(const model::Value& value, const engine::TapRows& rows) override {
    values_[index_of(plan_, value)].keep(rows.rows());
  }
  const KeptRows& operator[](std::size_t value) const { return values_[value]; }

 private:
  const model::Plan& plan_;
  std::vector<KeptRows> values_;
};

/// Measures each value of the seated candidate, then puts the reference's in its place.
class Seat final : public engine::Observer {
 public:
  Seat(const model::Plan& plan, const Keeper& reference, const Keeper& candidate)
      : plan_(plan), reference_(reference), candidate_(candidate), meters_(plan.values.size()) {}
  void observe(const model::Value& value, const engine::TapRows& rows) override {
    const std::size_t at = index_of(plan_, value);
    meters_[at].add(reference_[at].rows(), candidate_[at].rows(), rows.rows());
    reference_[at].copy_to(rows);
  }
  const TapMeter& meter(std::size_t value) const { return meters_[value]; }

 private:
  const model::Plan& plan_;
  const Keeper& reference_;
  const Keeper& candidate_;
  std::vector<TapMeter> meters_;
};

/// Tokens a piece so that the values of two models stay within the bound.
std::size_t piece_tokens(const model::Plan& plan, const DepthRequest& request) {
  std::size_t channels = 0;
  for (const model::Value& value : plan.values) channels += value.width;
  const std::size_t value_bytes = request.engine == "oracle" ? sizeof(double) : sizeof(float);
  return std::clamp<std::size_t>(request.kept_bytes / (2 * channels * value_bytes), 1, 64);
}

/// An engine and its sequence of the text at hand.
class Runner {
 public:
  Runner(const model::Plan& plan, const DepthRequest& request, const engine::EngineOptions& options)
      : engine_(engine::make_engine(request.engine, plan, options)), sequence_(engine_->add_sequence()) {}
  void restart() { engine_->truncate(sequence_, 0); }
  void evaluate(std::span<const std::int32_t> tokens, engine::Observer& observer) {
    batch_.clear();
    for (const std::int32_t token : tokens) batch_.push_back({token, sequence_, true});
    engine_->evaluate(batch_, &observer);
  }

 private:
  std::unique_ptr<engine::Engine> engine_;
  engine::SequenceId sequence_;
  std::vector<engine::TokenInput> batch_;
};

void describe(const model::Plan& plan, const model::Step& step, TapDrift& drift) {
  drift.tap = plan.values[index(step.output)].tap;
  drift.layer = layer_of(drift.tap);
  drift.operation = model::name_of(step.operation);
  const model::WeightId weight = main_weight(step.operation);
  if (weight == model::kNoWeight) return;
  const gguf::Tensor& tensor = *plan.weights[index(weight)];
  drift.weight = tensor.name;
  drift.weight_type = tensor.type->name;
}

}  // namespace

Depth compare_depth(const PlanPair& pair, const DepthRequest& request) {
  std::size_t longest = 0;
  for (const auto& text : request.texts) longest = std::max(longest, text.size());
  if (longest == 0) throw Error(ErrorKind::usage, "there are no tokens to compare the models on");
  engine::EngineOptions options = request.options;
  if (options.context_length == 0) options.context_length = longest;

  const model::Plan& plan = pair.candidate();
  Runner reference(pair.reference(), request, options);
  Runner candidate(plan, request, options);
  Runner seated(plan, request, options);
  Keeper reference_values(pair.reference());
  Keeper candidate_values(plan);
  Seat seat(plan, reference_values, candidate_values);
  GrowthMeter growth(plan);

  const std::size_t piece = piece_tokens(plan, request);
  std::size_t done = 0;
  for (const std::vector<std::int32_t>& text : request.texts) {
    for (Runner* runner : {&reference, &candidate, &seated}) runner->restart();
    for (std::size_t begin = 0; begin < text.size(); begin += piece) {
      const auto tokens = std::span(text).subspan(begin, std::min(piece, text.size() - begin));
      reference.evaluate(tokens, reference_values);
      candidate.evaluate(tokens, candidate_values);
      seated.evaluate(tokens, seat);
      for (std::size_t value = 0; value < plan.values.size(); ++value) {
        growth.add(value, begin, reference_values[value].rows(), candidate_values[value].rows());
      }
      done += tokens.size();
      if (request.on_progress) request.on_progress(done);
    }
  }

  Depth depth;
  for (const model::Step& step : plan.steps) {
    TapDrift& drift = depth.taps.emplace_back();
    describe(plan, step, drift);
    seat.meter(index(step.output)).finish(drift);
  }
  depth.growth = growth.finish();
  depth.growth.verdict = verdict(depth.taps, depth.growth, pair.parameter_differences());
  return depth;
}

}  // namespace assay::compare

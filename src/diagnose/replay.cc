#include "diagnose/replay.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>
#include <variant>

#include "diagnose/observation.h"

namespace assay::diagnose {
namespace {

/// Fewer facts than these are a sample too small to know a distance by.
constexpr std::size_t kManyFacts = 64;

std::size_t at(model::ValueId id) { return static_cast<std::size_t>(id); }

/// Some values in place of others.
class Overlaid final : public Values {
 public:
  Overlaid(const Values& below, const std::map<model::ValueId, Matrix>& above) : below_(below), above_(above) {}
  const Matrix& value(model::ValueId id) const override {
    const auto found = above_.find(id);
    return found == above_.end() ? below_.value(id) : found->second;
  }

 private:
  const Values& below_;
  const std::map<model::ValueId, Matrix>& above_;
};

/// In which order a token's experts stand is the engine's own affair: rows of the same ones get the order given.
void put_in_order_of(const trace::ForeignTap& given, Matrix& chosen) {
  for (std::size_t i = 0; i < given.rows.size(); ++i) {
    const double* theirs = given.values.data() + i * chosen.width;
    double* ours = chosen.row(given.rows[i]);
    if (std::is_permutation(ours, ours + chosen.width, theirs)) std::copy_n(theirs, chosen.width, ours);
  }
}

}  // namespace

Replay::Replay(const model::Model& model, const trace::ForeignTrace& trace, Passage passage, int threads)
    : model_(model), passage_(std::move(passage)), stepper_(model.plan, threads) {
  const std::size_t steps = plan().steps.size();
  given_.resize(steps);
  whole_.resize(steps);
  seen_right_.resize(steps);
  applied_.resize(steps);
  computed_.resize(steps);
  step_of_.resize(plan().values.size());
  values_.resize(plan().values.size());
  for (std::size_t i = 0; i < steps; ++i) {
    const model::Value& value = plan().values[at(plan().steps[i].output)];
    step_of_[at(plan().steps[i].output)] = i;
    given_[i] = trace.find(value.tap);
    whole_[i] = given_[i] != nullptr && diagnose::is_whole(*given_[i], passage_.tokens.size());
  }
}

Site Replay::site(std::size_t step) const {
  return {model_, stepper_, passage_, *this, step, whole_[step] ? &value(plan().steps[step].output) : nullptr};
}

Matrix Replay::run(std::size_t step, const Values& values, const Passage& passage) const {
  const Site site{model_, stepper_, passage, values, step, nullptr};
  return applied_[step] ? applied_[step]->run(site) : site.exact();
}

void Replay::settle(std::size_t step, Matrix computed) {
  const trace::ForeignTap* given = given_[step];
  Matrix& value = values_[at(plan().steps[step].output)];
  if (given == nullptr || given->values.empty()) {
    value = computed;
  } else {
    if (!whole_[step]) value = computed;
    if (value.empty()) value = Matrix(computed.rows, computed.width);
    for (std::size_t i = 0; i < given->rows.size(); ++i) {
      std::copy_n(given->values.data() + i * value.width, value.width, value.row(given->rows[i]));
    }
  }
  computed_[step] = std::move(computed);
}

void Replay::advance(std::size_t step) {
  Matrix computed = run(step, *this, passage_);
  if (whole_[step] && std::holds_alternative<model::TopK>(plan().steps[step].operation)) {
    put_in_order_of(*given_[step], computed);
  }
  settle(step, std::move(computed));
}

std::vector<std::size_t> Replay::region(std::size_t step, bool pass_seen_right) const {
  std::vector<bool> in(step + 1);
  in[step] = true;
  std::vector<std::size_t> steps;
  for (std::size_t i = step + 1; i-- > 0;) {
    if (!in[i]) continue;
    steps.push_back(i);
    for (const model::ValueId input : plan().steps[i].inputs) {
      const std::size_t before = step_of_[at(input)];
      if (!whole_[before] && (pass_seen_right || !seen_right_[before])) in[before] = true;
    }
  }
  return steps;
}

Replay::Overlay Replay::recompute(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis,
                                  const Values& below, const Passage& passage) const {
  Overlay overlay;
  const Overlaid values(below, overlay);
  for (std::size_t i = faulty; i <= step; ++i) {
    const model::Step& here = plan().steps[i];
    const bool is_touched = std::any_of(here.inputs.begin(), here.inputs.end(), [&](model::ValueId input) {
      return overlay.count(input) > 0 && !whole_[step_of_[at(input)]];
    });
    if (i != faulty && !is_touched) continue;
    Matrix output =
        i == faulty ? hypothesis.run({model_, stepper_, passage, values, i, nullptr}) : run(i, values, passage);
    // This fault, or one applied before, cannot tell of some rows alone.
    if (output.empty()) return {};
    overlay[here.output] = std::move(output);
  }
  return overlay;
}

Matrix Replay::predict(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis, const Values& some,
                       const Passage& few) const {
  Overlay overlay = recompute(step, faulty, hypothesis, some, few);
  const auto found = overlay.find(plan().steps[step].output);
  return found == overlay.end() ? Matrix() : std::move(found->second);
}

Replay::Before Replay::apply(std::size_t step, std::size_t faulty, const Hypothesis& hypothesis) {
  Overlay overlay = recompute(step, faulty, hypothesis, *this, passage_);
  Before before{faulty, std::exchange(applied_[faulty], hypothesis), {}};
  for (auto& [id, matrix] : overlay) {
    const std::size_t changed = step_of_[at(id)];
    before.computed.emplace_back(changed, std::move(computed_[changed]));
    settle(changed, std::move(matrix));
  }
  rounded_.clear();
  return before;
}

void Replay::undo(Before before) {
  applied_[before.faulty] = std::move(before.applied);
  for (auto& [step, matrix] : before.computed) settle(step, std::move(matrix));
  rounded_.clear();
}

const Matrix& Replay::rounded(model::ValueId id, engine::Arithmetic arithmetic) {
  const std::size_t step = step_of_[at(id)];
  if (whole_[step] || applied_[step]) return value(id);
  auto& known = rounded_[arithmetic];
  const auto found = known.find(id);
  if (found != known.end()) return found->second;
  std::vector<const Matrix*> inputs;
  for (const model::ValueId input : plan().steps[step].inputs) inputs.push_back(&rounded(input, arithmetic));
  return known[id] = stepper_.run(plan().steps[step], passage_, inputs, arithmetic);
}

trace::ForeignTap Replay::all_rows() const {
  trace::ForeignTap all;
  all.rows.resize(passage_.tokens.size());
  std::iota(all.rows.begin(), all.rows.end(), std::size_t{0});
  return all;
}

double Replay::expected(std::size_t step, engine::Arithmetic arithmetic) {
  const model::Step& here = plan().steps[step];
  assert(given_[step] != nullptr);
  if (applied_[step]) return 0;
  const bool all_known = std::all_of(here.inputs.begin(), here.inputs.end(),
                                     [&](model::ValueId input) { return whole_[step_of_[at(input)]]; });
  if (all_known && std::holds_alternative<model::Linear>(here.operation)) return expected_of_sample(step, arithmetic);
  if (all_known && std::holds_alternative<model::TopK>(here.operation)) {
    // Choosing rounds nothing: scores that were given with all their digits leave one choice.
    const gguf::Dtype dtype = given_[step_of_[at(here.inputs[0])]]->dtype;
    if (dtype != gguf::Dtype::f16 && dtype != gguf::Dtype::bf16) return 0;
  }
  std::vector<const Matrix*> inputs;
  for (const model::ValueId input : here.inputs) inputs.push_back(&rounded(input, arithmetic));
  const Matrix rounded = stepper_.run(here, passage_, inputs, arithmetic);
  const double at_given = distance(*given_[step], rounded, computed_[step]);
  if (!given_[step]->values.empty() || given_[step]->facts.size() >= kManyFacts) return at_given;
  // A few numbers may have been rounded little by chance: the whole rows say what is usual.
  return std::max(at_given, distance(all_rows(), rounded, computed_[step]));
}

double Replay::expected_of_sample(std::size_t step, engine::Arithmetic arithmetic) const {
  // A matrix product rounds alike in all its outputs: some rows of the weight tell enough.
  constexpr std::size_t kPieces = 4;
  constexpr std::size_t kPieceRows = 16;
  const auto& linear = std::get<model::Linear>(plan().steps[step].operation);
  const gguf::Tensor& weight = *plan().weights[static_cast<std::size_t>(linear.weight)];
  const std::size_t rows = static_cast<std::size_t>(weight.rows());
  const std::size_t pieces = rows > kPieces * kPieceRows ? kPieces : 1;
  const std::size_t piece_rows = pieces == 1 ? rows : kPieceRows;
  std::vector<std::byte> bytes;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t first = pieces == 1 ? 0 : piece * (rows - piece_rows) / (pieces - 1);
    const auto data = weight.data.subspan(first * weight.row_bytes(), piece_rows * weight.row_bytes());
    bytes.insert(bytes.end(), data.begin(), data.end());
  }
  gguf::Tensor sample = weight;
  sample.ne = {weight.row_values(), pieces * piece_rows};
  sample.data = bytes;

  model::Plan small;
  small.weights = {&sample};
  small.values = {{"x", static_cast<std::size_t>(weight.row_values())}, {"y", pieces * piece_rows}};
  const model::Step product{model::Linear{0}, {0}, 1};
  const Stepper stepper(small, stepper_.threads());
  const Matrix* inputs[] = {&value(plan().steps[step].inputs[0])};
  return distance(all_rows(), stepper.run(product, passage_, inputs, arithmetic),
                  stepper.run(product, passage_, inputs));
}

}  // namespace assay::diagnose

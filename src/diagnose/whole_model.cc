#include "diagnose/whole_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "diagnose/fault.h"
#include "diagnose/faults/layer_name.h"
#include "diagnose/observation.h"
#include "diagnose/search.h"

namespace assay::diagnose {
namespace {

using engine::Arithmetic;

// The best of the single faults are tried two by two.
constexpr std::size_t kPaired = 12;
// What a fault must take away to be believed, and to be mentioned.
constexpr double kBelievable = 8;
constexpr double kMentioned = 2;
// Faults in one kind of step, or in a single one, are many: they are tried up to so many multiplications.
constexpr double kMostWork = 3e10;
// So few chosen ids are reproduced by chance too often.
constexpr std::size_t kManyIds = 4;

/// A fault with parameters, in every step of a group.
struct Planted {
  const Fault* fault = nullptr;
  std::vector<Parameter> parameters;
  std::map<std::size_t, Hypothesis> steps;
};

struct Scored {
  std::vector<Planted> planted;  // one, or two
  double residual = 0;
  std::size_t reproduced = 0;  // of the chosen ids
};

std::string text_of(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) text += fmt::format("{}={} ", parameter.name, parameter.value);
  return text;
}

class WholeModel final : public Values {
 public:
  WholeModel(const model::Model& model, const Passage& passage, const WholeModelRequest& request)
      : model_(model), passage_(passage), request_(request), stepper_(model.plan, request.threads) {
    values_.resize(plan().values.size());
    for (std::size_t step = 0; step < plan().steps.size(); ++step) at(step) = site(step, *this).exact();
  }

  const Matrix& value(model::ValueId id) const override { return values_[static_cast<std::size_t>(id)]; }

  WholeModelResult run() {
    WholeModelResult result;
    const Matrix& logits = value(plan().logits);
    const Scored plain = score(logits, {});
    result.residual = plain.residual;
    if (request_.logits != nullptr) {
      result.expected = 3 * distance(*request_.logits, run_rounded(), logits);
      result.is_right = result.residual <= result.expected;
    } else {
      result.is_right = plain.reproduced == request_.chosen.size();
    }
    if (result.is_right) return result;

    // In all layers first, which is how engines are wrong, then in one kind of step, then in a single one.
    std::vector<Scored> scored;
    const auto explains = [&] { return !scored.empty() && is_believable(scored, plain, result); };
    for (const Scope scope : {Scope::everywhere, Scope::kind, Scope::step}) {
      std::vector<Planted> all = plant(scope);
      if (scope != Scope::everywhere && static_cast<double>(all.size()) * cost_of_run() > kMostWork) break;
      for (Planted& planted : all) pending_.push_back({std::move(planted)});
      run_pending(scored);
      if (explains()) break;
    }
    if (request_.pairs && !explains()) {
      plant_pairs(scored);
      run_pending(scored);
    }
    result.tried = done_;
    report(scored, plain, result);
    return result;
  }

 private:
  enum class Scope { everywhere, kind, step };

  const model::Plan& plan() const { return model_.plan; }
  /// Multiplications of one run.
  double cost_of_run() const {
    double weights = 0;
    for (const gguf::Tensor* tensor : plan().weights) weights += static_cast<double>(tensor->values());
    return weights * static_cast<double>(passage_.tokens.size());
  }
  Matrix& at(std::size_t step) { return values_[static_cast<std::size_t>(plan().steps[step].output)]; }
  const std::string& tap(std::size_t step) const {
    return plan().values[static_cast<std::size_t>(plan().steps[step].output)].tap;
  }
  Site site(std::size_t step, const Values& values) const {
    return {model_, stepper_, passage_, values, step, nullptr};
  }

  /// The plan's values behind the first faulty step.
  class Faulty final : public Values {
   public:
    explicit Faulty(const WholeModel& whole) : whole_(whole) {}
    const Matrix& value(model::ValueId id) const override {
      const auto found = changed.find(id);
      return found == changed.end() ? whole_.value(id) : found->second;
    }
    std::map<model::ValueId, Matrix> changed;

   private:
    const WholeModel& whole_;
  };

  Matrix logits_with(const std::vector<Planted>& planted) const {
    Faulty values(*this);
    for (std::size_t step = 0; step < plan().steps.size(); ++step) {
      const model::Step& here = plan().steps[step];
      std::optional<Hypothesis> hypothesis;
      for (const Planted& one : planted) {
        const auto found = one.steps.find(step);
        if (found != one.steps.end()) hypothesis = hypothesis ? both(*hypothesis, found->second) : found->second;
      }
      const bool is_reached = std::any_of(here.inputs.begin(), here.inputs.end(),
                                          [&](model::ValueId input) { return values.changed.count(input) > 0; });
      if (hypothesis) {
        values.changed[here.output] = hypothesis->run(site(step, values));
      } else if (is_reached) {
        values.changed[here.output] = site(step, values).exact();
      }
    }
    return values.value(plan().logits);
  }

  Matrix run_rounded() const {
    std::map<model::ValueId, Matrix> rounded;
    for (const model::Step& step : plan().steps) {
      std::vector<const Matrix*> inputs;
      inputs.reserve(step.inputs.size());
      for (const model::ValueId input : step.inputs) inputs.push_back(&rounded.at(input));
      rounded[step.output] = stepper_.run(step, passage_, inputs, Arithmetic::q8);
    }
    return rounded.at(plan().logits);
  }

  std::vector<Planted> plant(Scope scope) const {
    std::map<std::string, Planted> groups;
    std::vector<std::string> order;
    for (std::size_t step = 0; step < plan().steps.size(); ++step) {
      for (const Fault* fault : all_faults()) {
        if (fault->fault_class == FaultClass::rounding) continue;
        std::vector<Hypothesis> hypotheses;
        fault->propose(site(step, *this), hypotheses);
        for (Hypothesis& hypothesis : hypotheses) {
          std::string key = fmt::format("{} {}", fault->name, text_of(hypothesis.parameters));
          if (scope == Scope::kind) key += kind_of(tap(step));
          if (scope == Scope::step) key += tap(step);
          if (groups.count(key) == 0) order.push_back(key);
          Planted& planted = groups[key];
          planted.fault = fault;
          planted.parameters = hypothesis.parameters;
          planted.steps[step] = std::move(hypothesis);
        }
      }
    }
    std::vector<Planted> all;
    for (const std::string& key : order) {
      Planted& planted = groups[key];
      // What a wider scope has tried already is not tried again.
      std::string steps = fmt::format("{} {}", planted.fault->name, text_of(planted.parameters));
      for (const auto& [step, hypothesis] : planted.steps) steps += fmt::format(" {}", step);
      if (tried_.insert(steps).second) all.push_back(std::move(planted));
    }
    return all;
  }

  void plant_pairs(const std::vector<Scored>& scored) {
    const std::size_t count = std::min(kPaired, scored.size());
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i + 1; j < count; ++j) {
        if (scored[i].planted.front().fault == scored[j].planted.front().fault) continue;
        pending_.push_back({scored[i].planted.front(), scored[j].planted.front()});
      }
    }
  }

  void run_pending(std::vector<Scored>& scored) {
    const std::size_t total = done_ + pending_.size();
    for (std::vector<Planted>& planted : pending_) {
      if (request_.on_run) request_.on_run(done_, total);
      const Matrix logits = logits_with(planted);
      scored.push_back(score(logits, std::move(planted)));
      ++done_;
    }
    pending_.clear();
    std::stable_sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) {
      return a.reproduced != b.reproduced ? a.reproduced > b.reproduced : a.residual < b.residual;
    });
  }

  Scored score(const Matrix& logits, std::vector<Planted> planted) const {
    Scored scored{std::move(planted), 0, 0};
    if (request_.logits != nullptr) {
      scored.residual = residual(*request_.logits, logits);
      if (std::isnan(scored.residual)) scored.residual = INFINITY;
      return scored;
    }
    for (std::size_t i = 0; i < request_.chosen.size(); ++i) {
      const double* row = logits.row(request_.first_chosen + i);
      const double* end = row + logits.width;
      const double* best = std::max_element(row, end);
      const double largest = *best;
      const double chosen = row[request_.chosen[i]];
      double sum = 0;
      for (const double* x = row; x != end; ++x) sum += std::exp(*x - largest);
      scored.residual += (std::log(sum) - (chosen - largest)) / std::log(2.0);
      // Of equal ones engines take the first: a row without any difference reproduces nothing but that.
      scored.reproduced += best - row == request_.chosen[i] ? 1 : 0;
    }
    scored.residual /= static_cast<double>(request_.chosen.size());
    if (!std::isfinite(scored.residual)) scored.residual = INFINITY;
    return scored;
  }

  bool is_believable(const std::vector<Scored>& scored, const Scored& plain, const WholeModelResult& result) const {
    const Scored& best = scored.front();
    if (request_.logits == nullptr) return best.reproduced == request_.chosen.size();
    return best.residual <= result.expected && best.residual * kBelievable <= plain.residual;
  }

  bool are_tied(const Scored& a, const Scored& best) const {
    if (request_.logits == nullptr) return a.reproduced == best.reproduced;
    return are_alike(a.residual, best.residual);
  }

  void report(const std::vector<Scored>& scored, const Scored& plain, WholeModelResult& result) const {
    if (scored.empty()) return;
    const Scored& best = scored.front();
    const bool is_believed = is_believable(scored, plain, result);
    const bool is_mentioned =
        request_.logits == nullptr ? best.reproduced > plain.reproduced : best.residual * kMentioned <= plain.residual;
    if (!is_mentioned) return;
    std::vector<std::string> ties;
    for (std::size_t i = 1; i < scored.size() && are_tied(scored[i], best); ++i) ties.push_back(describe(scored[i]));
    double confidence = is_believed ? 0.9 : 0.2;
    if (request_.logits == nullptr) confidence = !is_believed ? 0.1 : request_.chosen.size() >= kManyIds ? 0.6 : 0.3;
    for (const Planted& planted : best.planted) {
      Finding finding = finding_of(*planted.fault, planted.parameters, site(planted.steps.begin()->first, *this));
      for (const auto& [step, hypothesis] : planted.steps) finding.taps.push_back(tap(step));
      finding.operation = model::name_of(plan().steps[planted.steps.begin()->first].operation);
      finding.observed = request_.logits != nullptr ? "logits" : "ids";
      finding.residual_before = plain.residual;
      finding.residual_after = best.residual;
      finding.expected = result.expected;
      finding.confidence = confidence / static_cast<double>(1 + std::min<std::size_t>(ties.size(), 9));
      finding.ties = ties;
      result.findings.push_back(std::move(finding));
    }
  }

  std::string describe(const Scored& scored) const {
    std::string text;
    for (const Planted& planted : scored.planted) {
      if (!text.empty()) text += " and ";
      text += planted.fault->name;
      const std::string& first = tap(planted.steps.begin()->first);
      text += planted.steps.size() == 1 ? fmt::format(" at {}", first) : "";
    }
    return text;
  }

  const model::Model& model_;
  const Passage& passage_;
  const WholeModelRequest& request_;
  Stepper stepper_;
  std::vector<Matrix> values_;  // without any fault
  mutable std::set<std::string> tried_;
  std::vector<std::vector<Planted>> pending_;
  std::size_t done_ = 0;
};

}  // namespace

WholeModelResult replay_whole_model(const model::Model& model, const Passage& passage,
                                    const WholeModelRequest& request) {
  return WholeModel(model, passage, request).run();
}

}  // namespace assay::diagnose

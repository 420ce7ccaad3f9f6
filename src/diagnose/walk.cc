#include "diagnose/walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "diagnose/faults/layer_name.h"
#include "diagnose/fingerprint.h"
#include "diagnose/observation.h"
#include "diagnose/rounding.h"
#include "diagnose/search.h"

namespace assay::diagnose {
namespace {

using engine::Arithmetic;
using Outcome = StepReport::Outcome;

// What a mistake must take away to be believed: rounding has no few parameters, so nothing takes away most of it.
constexpr double kBelievable = 8;
// Where rounding does not explain what is there anyway.
constexpr double kBelievableFault = 4;
// After so many layers in which the search found nothing for an operation, it looks for known faults only.
constexpr int kFailures = 2;
// A step that rounds so many times more than the middle of so many layers stands out.
constexpr double kCoarse = 30;
constexpr std::size_t kLayersToCompare = 3;
// Of two faults in one region, so many are tried as the first.
constexpr std::size_t kFirstOfTwo = 6;
constexpr double kConfidenceInTwo = 0.8;
// Steps that are looked at ahead, when two steps explain one observation.
constexpr std::size_t kLookAhead = 8;

double ratio(double before, double after) { return before / std::max(after, 1e-12); }

class Walk {
 public:
  Walk(Replay& replay, const WalkRequest& request) : replay_(replay), request_(request) {
    if (request.arithmetics.empty()) {
      arithmetics_.assign(kEngineArithmetics.begin(), kEngineArithmetics.end());
    } else {
      arithmetics_ = request.arithmetics;
    }
    tainted_.resize(replay.plan().values.size());
  }

  Walked run() {
    for (std::size_t step = 0; step < replay_.plan().steps.size(); ++step) {
      replay_.advance(step);
      walked_.steps.push_back(judge(step));
      if (walked_.steps.back().outcome == Outcome::healthy) replay_.see_right(step);
      replay_.release(step);
      if (request_.on_progress) request_.on_progress(step + 1);
    }
    note_coarse_steps();
    note_unseen_steps();
    return std::move(walked_);
  }

 private:
  struct Known {
    Explanation explanation;
    Finding finding;
  };

  const model::Step& step_at(std::size_t step) const { return replay_.plan().steps[step]; }
  const std::string& tap(std::size_t step) const {
    return replay_.plan().values[static_cast<std::size_t>(step_at(step).output)].tap;
  }

  StepReport judge(std::size_t step) {
    StepReport report;
    report.step = step;
    report.tap = tap(step);
    report.operation = model::name_of(step_at(step).operation);
    const auto& inputs = step_at(step).inputs;
    const bool tainted = std::any_of(inputs.begin(), inputs.end(),
                                     [&](model::ValueId id) { return tainted_[static_cast<std::size_t>(id)]; });
    set_tainted(step, tainted && !replay_.is_whole(step));
    if (replay_.given(step) == nullptr) return report;
    report.residual = residual(*replay_.given(step), replay_.computed(step));
    if (tainted) {
      report.outcome = Outcome::undecided;
      return report;
    }
    const std::optional<Arithmetic> explains = rounding_that_explains(step, report);
    if (explains && *explains == arithmetics_.front()) {
      report.outcome = Outcome::healthy;
      report.arithmetic = name(*explains);
      return report;
    }
    if (explain_by_known(step, report, explains.has_value())) return report;
    if (explains ? is_worth_a_search(step, report.residual) : failed_[kind_of(tap(step))] < kFailures) {
      if (explain_by_search(step, report, explains.has_value())) return report;
      if (!explains) ++failed_[kind_of(tap(step))];
    }
    if (explains) {
      report.outcome = Outcome::healthy;
      report.arithmetic = name(*explains);
      return report;
    }
    note_unknown(step, report);
    return report;
  }

  void set_tainted(std::size_t step, bool tainted) {
    tainted_[static_cast<std::size_t>(step_at(step).output)] = tainted;
  }

  /// The finest arithmetic that explains the residual. `report` keeps what it explains, or what the coarsest does.
  std::optional<Arithmetic> rounding_that_explains(std::size_t step, StepReport& report) {
    for (const Arithmetic arithmetic : arithmetics_) {
      report.expected = std::max(report.expected, bound(replay_, step, arithmetic));
      if (report.residual <= report.expected) return arithmetic;
    }
    return std::nullopt;
  }

  /// Where the first layers of an operation had nothing but rounding, later ones are searched when they stand out.
  bool is_worth_a_search(std::size_t step, double residual) {
    std::vector<double>& earlier = rounded_[kind_of(tap(step))];
    earlier.push_back(residual);
    if (earlier.size() <= 2) return true;
    std::vector<double> sorted(earlier.begin(), earlier.end() - 1);
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    return residual > 3 * sorted[sorted.size() / 2];
  }

  bool is_believable(const StepReport& report, double after, bool rounding_explains) const {
    const double taken = ratio(report.residual, after);
    if (rounding_explains) return taken >= kBelievable;
    return taken >= kBelievableFault && after <= report.expected;
  }

  /// A fault that an earlier layer had.
  bool explain_by_known(std::size_t step, StepReport& report, bool rounding_explains, bool pass_seen_right = false) {
    for (const std::size_t faulty : replay_.region(step, pass_seen_right)) {
      for (const Known& known : known_) {
        if (known.finding.operation != model::name_of(step_at(faulty).operation)) continue;
        Hypothesis hypothesis = known.explanation.hypothesis;
        const double after = residual_with(replay_, step, faulty, *known.explanation.fault, hypothesis);
        if (!is_believable(report, after, rounding_explains)) continue;
        Finding finding = known.finding;
        finding.taps = {tap(faulty)};
        finding.prescribed = prescribed(*known.explanation.fault, replay_.site(faulty));
        finding.observed = faulty == step ? "" : report.tap;
        finding.residual_before = report.residual;
        finding.residual_after = after;
        finding.expected = report.expected;
        accept(step, report, faulty, hypothesis, std::move(finding));
        return true;
      }
    }
    return false;
  }

  bool explain_by_search(std::size_t step, StepReport& report, bool rounding_explains) {
    const std::vector<Explanation> near = explain(replay_, step, report.residual, false);
    if (accept_best(step, report, near, rounding_explains)) return true;
    if (rounding_explains) return false;
    if (explain_by_two(step, report, near) || explain_together(step, report)) return true;
    // Facts that were right may have hidden what shows here.
    if (replay_.region(step).size() == replay_.region(step, false).size()) return false;
    return explain_by_known(step, report, false, true) ||
           accept_best(step, report, explain(replay_, step, report.residual), false);
  }

  bool accept_best(std::size_t step, StepReport& report, const std::vector<Explanation>& found,
                   bool rounding_explains) {
    if (found.empty()) return false;
    const std::size_t alike = count_alike(found);
    const std::size_t best = choose(step, found, alike);
    if (!is_believable(report, found[best].residual, rounding_explains)) return false;
    accept_found(step, report, found, best, alike);
    return true;
  }

  /// Two faults in the step itself.
  bool explain_together(std::size_t step, StepReport& report) {
    const auto found = diagnose::explain_together(replay_, step, report.residual);
    if (!found || !is_believable(report, found->residual, false)) return false;
    for (const Explanation* one : {&found->first, &found->second}) {
      Finding finding = finding_of(*one, report);
      finding.residual_after = found->residual;
      finding.confidence = kConfidenceInTwo;
      if (one == &found->first) {
        walked_.findings.push_back(std::move(finding));
      } else {
        accept(step, report, step, found->both, std::move(finding));
      }
    }
    return true;
  }

  /// Two faults at different steps: what one leaves, the other explains.
  bool explain_by_two(std::size_t step, StepReport& report, const std::vector<Explanation>& singles) {
    if (replay_.region(step, false).size() < 2) return false;
    for (std::size_t i = 0; i < std::min(kFirstOfTwo, singles.size()); ++i) {
      Replay::Before before = replay_.apply(step, singles[i].step, singles[i].hypothesis);
      StepReport rest = report;
      rest.residual = residual(*replay_.given(step), replay_.computed(step));
      const std::vector<Explanation> found = explain(replay_, step, rest.residual, false);
      if (!found.empty() && found.front().step != singles[i].step &&
          is_believable(rest, found.front().residual, false)) {
        Explanation first = singles[i];
        first.residual = found.front().residual;
        Finding finding = finding_of(first, report);
        finding.confidence = kConfidenceInTwo;
        known_.push_back({first, finding});
        walked_.findings.push_back(std::move(finding));
        accept_found(step, rest, found, 0, count_alike(found));
        walked_.findings.back().confidence = std::min(walked_.findings.back().confidence, kConfidenceInTwo);
        report.outcome = rest.outcome;
        return true;
      }
      replay_.undo(std::move(before));
    }
    return false;
  }

  void accept_found(std::size_t step, StepReport& report, const std::vector<Explanation>& found, std::size_t best,
                    std::size_t alike) {
    Finding finding = finding_of(found[best], report);
    std::set<std::string> ties;
    for (std::size_t i = 0; i < found.size() && i < alike; ++i) {
      const bool elsewhere = found[i].step != found[best].step;
      if (found[i].fault == found[best].fault && !elsewhere) continue;
      ties.insert(elsewhere ? fmt::format("{} at {}", found[i].fault->name, tap(found[i].step))
                            : std::string(found[i].fault->name));
    }
    finding.ties.assign(ties.begin(), ties.end());
    finding.confidence = confidence(report, found[best].residual) / static_cast<double>(sharing(ties.size()));
    known_.push_back({found[best], finding});
    accept(step, report, found[best].step, found[best].hypothesis, std::move(finding));
  }

  static std::size_t count_alike(const std::vector<Explanation>& found) {
    double least = found.front().residual;
    for (const Explanation& explanation : found) least = std::min(least, explanation.residual);
    return static_cast<std::size_t>(std::count_if(found.begin(), found.end(), [&](const Explanation& explanation) {
      return are_alike(explanation.residual, least);
    }));
  }

  /// Of the explanations that are alike: when they stand at different steps, the one that explains most of what else
  /// was given behind those steps.
  std::size_t choose(std::size_t step, const std::vector<Explanation>& found, std::size_t alike) {
    const bool one_step = std::all_of(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(alike),
                                      [&](const Explanation& e) { return e.step == found.front().step; });
    if (one_step) return 0;
    std::vector<double> left(alike);
    const std::size_t end = std::min(step + 1 + kLookAhead, replay_.plan().steps.size());
    for (std::size_t next = step + 1; next < end; ++next) {
      replay_.advance(next);
      if (replay_.given(next) == nullptr) continue;
      const std::vector<std::size_t> region = replay_.region(next);
      const double plain = residual(*replay_.given(next), replay_.computed(next));
      for (std::size_t i = 0; i < alike; ++i) {
        const bool reaches = std::find(region.begin(), region.end(), found[i].step) != region.end();
        const double after =
            reaches ? residual(*replay_.given(next), replay_.predict(next, found[i].step, found[i].hypothesis)) : plain;
        left[i] += std::log(std::max(after, 1e-7));
      }
    }
    // A clear lead, or the order in which they stand.
    const auto least = static_cast<std::size_t>(std::min_element(left.begin(), left.end()) - left.begin());
    return left[least] < left[0] - 1 ? least : 0;
  }

  Finding finding_of(const Explanation& explanation, const StepReport& report) {
    Finding finding =
        diagnose::finding_of(*explanation.fault, explanation.hypothesis.parameters, replay_.site(explanation.step));
    finding.taps = {tap(explanation.step)};
    if (explanation.step != report.step) finding.observed = report.tap;
    finding.operation = model::name_of(step_at(explanation.step).operation);
    finding.residual_before = report.residual;
    finding.residual_after = explanation.residual;
    finding.expected = report.expected;
    finding.fingerprint = fingerprint_at(report.step, report.expected);
    return finding;
  }

  static double confidence(const StepReport& report, double after) {
    const double taken = ratio(report.residual, after);
    return taken >= 1000 ? 0.99 : taken >= 30 ? 0.95 : 0.8;
  }

  void accept(std::size_t step, StepReport& report, std::size_t faulty, const Hypothesis& hypothesis, Finding finding) {
    report.outcome = finding.fault_class == FaultClass::mistake ? Outcome::fault : Outcome::healthy;
    if (finding.fault_class == FaultClass::rounding) {
      report.arithmetic = arithmetic_of(finding.fault);
      said_.insert(step);
    }
    replay_.apply(step, faulty, hypothesis);
    walked_.findings.push_back(std::move(finding));
  }

  void note_unknown(std::size_t step, StepReport& report) {
    report.outcome = Outcome::unknown;
    Finding finding;
    finding.taps = {report.tap};
    finding.operation = report.operation;
    finding.fault = "unknown";
    finding.residual_before = finding.residual_after = report.residual;
    finding.expected = report.expected;
    finding.fingerprint = fingerprint_at(step, report.expected);
    finding.claim = "the step does not compute what the model says, and no known fault explains what it does";
    std::vector<std::string> hidden;
    for (const std::size_t other : replay_.region(step, false)) {
      if (other != step) hidden.push_back(tap(other));
    }
    if (!hidden.empty()) {
      finding.claim = fmt::format("one of {} steps up to here is wrong, and no known fault of one of them explains it",
                                  hidden.size() + 1);
      std::reverse(hidden.begin(), hidden.end());
      if (hidden.size() > 4) hidden.resize(4);
      walked_.needed.push_back(fmt::format("whole rows of {}: they would tell which step before {} is wrong",
                                           fmt::join(hidden, ", "), report.tap));
    }
    // A few printed numbers are too little to say that an engine is wrong and no more.
    const bool is_seen = !replay_.given(step)->values.empty();
    finding.confidence = !is_seen ? 0.4 : hidden.empty() ? 0.9 : 0.5;
    walked_.findings.push_back(std::move(finding));
    if (!replay_.is_whole(step)) {
      set_tainted(step, true);
      walked_.needed.push_back(
          fmt::format("whole rows of {}: without them nothing behind it can be judged", report.tap));
    }
  }

  /// A step that rounds far more than the same step of other layers, without a known reason.
  void note_coarse_steps() {
    std::map<std::string_view, std::vector<double>> residuals;
    for (const StepReport& report : walked_.steps) {
      if (report.outcome == Outcome::healthy) residuals[kind_of(report.tap)].push_back(report.residual);
    }
    for (const StepReport& report : walked_.steps) {
      if (report.outcome != Outcome::healthy || report.arithmetic == name(arithmetics_.front())) continue;
      if (said_.count(report.step) > 0) continue;
      std::vector<double>& others = residuals[kind_of(report.tap)];
      const auto middle = others.begin() + static_cast<std::ptrdiff_t>(others.size() / 2);
      std::nth_element(others.begin(), middle, others.end());
      if (others.size() < kLayersToCompare || report.residual < kCoarse * *middle) continue;
      Finding finding;
      finding.taps = {report.tap};
      finding.operation = report.operation;
      finding.fault = "coarse_arithmetic";
      finding.fault_class = FaultClass::rounding;
      finding.parameters = {{"arithmetic", report.arithmetic}};
      finding.claim = "rounds far more than the same step of other layers";
      finding.remedy = "Look whether this layer takes another path: another kernel, another type, a fallback.";
      finding.residual_before = finding.residual_after = report.residual;
      finding.expected = *middle;
      finding.confidence = 0.5;
      walked_.findings.push_back(std::move(finding));
    }
  }

  /// Steps behind all that was given: nothing showed what they computed.
  void note_unseen_steps() {
    const auto last = std::find_if(walked_.steps.rbegin(), walked_.steps.rend(),
                                   [](const StepReport& report) { return report.outcome != Outcome::not_given; });
    const auto unseen = static_cast<std::size_t>(last - walked_.steps.rbegin());
    if (unseen == 0 || unseen == walked_.steps.size()) return;
    walked_.needed.push_back(fmt::format("{}: the {} step{} behind {} could not be judged", walked_.steps.back().tap,
                                         unseen, unseen == 1 ? "" : "s", last->tap));
  }

  std::string fingerprint_at(std::size_t step, double rounding) const {
    std::size_t head_width = 0;
    for (const model::Step& other : replay_.plan().steps) {
      if (const auto* attention = std::get_if<model::Attention>(&other.operation)) head_width = attention->head_width;
    }
    const std::string_view kind = kind_of(tap(step));
    const bool has_heads = kind == "attn" || kind == "v" || kind.substr(0, 1) == "q" || kind.substr(0, 1) == "k";
    return fingerprint(*replay_.given(step), replay_.computed(step), has_heads ? head_width : 0, rounding);
  }

  Replay& replay_;
  const WalkRequest& request_;
  std::vector<Arithmetic> arithmetics_;
  std::vector<bool> tainted_;  // by value: reached by something wrong that nobody can undo
  std::vector<Known> known_;
  std::map<std::string_view, std::vector<double>> rounded_;  // residuals that rounding explains, by kind of tap
  std::set<std::size_t> said_;                               // steps whose rounding a finding has explained
  std::map<std::string_view, int> failed_;                   // searches that found nothing, by kind of tap
  Walked walked_;
};

}  // namespace

Walked walk(Replay& replay, const WalkRequest& request) { return Walk(replay, request).run(); }

std::vector<Finding> join_layers(std::vector<Finding> findings) {
  std::vector<Finding> joined;
  for (Finding& finding : findings) {
    const auto same = std::find_if(joined.begin(), joined.end(), [&](const Finding& other) {
      return other.fault == finding.fault && other.operation == finding.operation &&
             (finding.fault != "unknown" || kind_of(other.taps[0]) == kind_of(finding.taps[0])) &&
             other.parameters == finding.parameters && other.prescribed == finding.prescribed;
    });
    if (same == joined.end()) {
      joined.push_back(std::move(finding));
      continue;
    }
    same->taps.insert(same->taps.end(), finding.taps.begin(), finding.taps.end());
    // Seen in several steps, a fault is surer, and only what explains all of them as well remains a tie.
    std::vector<std::string> ties;
    std::set_intersection(same->ties.begin(), same->ties.end(), finding.ties.begin(), finding.ties.end(),
                          std::back_inserter(ties));
    same->ties = std::move(ties);
    same->confidence = std::max(same->confidence, finding.confidence);
    if (finding.residual_before > same->residual_before) {
      same->residual_before = finding.residual_before;
      same->expected = finding.expected;
    }
    same->residual_after = std::max(same->residual_after, finding.residual_after);
  }
  std::stable_partition(joined.begin(), joined.end(),
                        [](const Finding& finding) { return finding.fault_class == FaultClass::mistake; });
  return joined;
}

}  // namespace assay::diagnose

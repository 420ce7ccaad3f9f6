#include "diagnose/whole_model.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "diagnose/planting.h"
#include "diagnose/race.h"
#include "diagnose/search.h"
#include "diagnose/whole_run.h"

namespace assay::diagnose {
namespace {

// The best of the single faults are tried two by two. What helps together may help little alone.
constexpr std::size_t kPaired = 16;
constexpr std::size_t kHopefulForPairs = 64;
constexpr std::size_t kHopeful = 12;
// What a fault must take away to be mentioned.
constexpr double kMentioned = 2;
// Of the time, to look for a mistake where rounding may be all that there is: a fifth.
constexpr double kForRounding = 0.2;
// So few chosen ids are reproduced by chance too often.
constexpr std::size_t kManyIds = 4;

class WholeModel {
 public:
  WholeModel(const model::Model& model, const Passage& passage, const WholeModelRequest& request)
      : request_(request), stepper_(model.plan, request.threads), right_(model, passage, request.threads) {}

  WholeModelResult run() {
    Race race(right_, {request_.outside, request_.threads, request_.coarsest,
                       request_.pairs ? kHopefulForPairs : kHopeful, request_.on_run});
    WholeModelResult result;
    result.residual = race.plain().residual;
    result.expected = race.expected();
    const bool has_logits = request_.outside.logits != nullptr;
    result.is_right = has_logits ? result.residual <= std::min(race.finest(), result.expected)
                                 : race.plain().reproduced == request_.outside.chosen.size();
    if (result.is_right) return result;
    // Where it may be rounding, a small mistake may hide behind it: that is worth less time.
    const bool is_rounding = has_logits && result.residual <= result.expected;
    const double seconds = request_.budget * (is_rounding ? kForRounding : 1);
    race.start(seconds);

    Planter planter(site(0));
    std::vector<std::string> tried;
    bool is_cut = false;
    const auto run_all = [&](std::vector<Candidate> candidates, std::string_view what) {
      const std::size_t total = candidates.size();
      const std::size_t count = race.is_late() ? 0 : race.run(std::move(candidates), what);
      tried.push_back(fmt::format("{} {} of {}", what, count, total));
      is_cut = is_cut || count < total;
    };
    for (const Scope scope : kScopes) {
      const bool is_explained = race.is_explained();
      std::vector<Candidate> singles;
      for (Planted& planted : planter.plant(scope)) {
        // What a fault of a few steps explains, others near them may explain as well or better.
        if (is_explained && !is_near(planted, *race.results().front().faults.front())) continue;
        singles.push_back({&planted_.emplace_back(std::move(planted))});
      }
      run_all(std::move(singles), text(scope));
    }
    if (request_.pairs && !race.is_explained()) run_all(pairs(race.results()), "two at once");
    race.settle();
    const bool is_explained = race.is_explained();
    if (is_cut && !is_explained) {
      result.untried = fmt::format("{:g} s{} were too short to try all faults; tried were: {}", seconds,
                                   is_rounding ? ", a fifth of the budget because it may all be rounding," : "",
                                   fmt::join(tried, ", "));
    }
    result.is_right = is_rounding && !is_explained;
    if (!result.is_right) report(race, is_explained, result);
    return result;
  }

 private:
  const model::Plan& plan() const { return right_.plan(); }
  const std::string& tap(std::size_t step) const {
    return plan().values[static_cast<std::size_t>(plan().steps[step].output)].tap;
  }

  Site site(std::size_t step) const { return {right_.model(), stepper_, right_.passage(), right_, step, nullptr}; }

  /// Whether both stand within a block of each other.
  bool is_near(const Planted& a, const Planted& b) const {
    const std::size_t block = plan().steps.size() / std::max<std::size_t>(plan().layers, 1);
    const auto [first, last] =
        std::minmax({a.steps.begin()->first, b.steps.begin()->first, a.steps.rbegin()->first, b.steps.rbegin()->first});
    return last - first <= block;
  }

  /// Of the best fault of each name.
  static std::vector<Candidate> pairs(const std::vector<Tried>& tried) {
    std::vector<const Planted*> best;
    for (const Tried& one : tried) {
      const Planted* planted = one.faults.front();
      const bool is_there =
          std::any_of(best.begin(), best.end(), [&](const Planted* other) { return other->fault == planted->fault; });
      if (!is_there && best.size() < kPaired) best.push_back(planted);
    }
    std::vector<Candidate> pairs;
    for (std::size_t i = 0; i < best.size(); ++i) {
      for (std::size_t j = i + 1; j < best.size(); ++j) pairs.push_back({best[i], best[j]});
    }
    return pairs;
  }

  void report(const Race& race, bool is_believed, WholeModelResult& result) const {
    if (race.results().empty()) return;
    const bool has_logits = request_.outside.logits != nullptr;
    const Score& score = race.results().front().score;
    const bool is_mentioned =
        has_logits ? score.residual * kMentioned <= result.residual : score.reproduced > race.plain().reproduced;
    if (!is_mentioned) return;
    std::vector<const Tried*> tied;
    for (const Tried& other : race.results()) {
      if (tied.empty() || are_tied(other, *tied.front())) tied.push_back(&other);
    }
    // Of those that were run exactly, the particular before the general.
    if (has_logits && is_believed) std::stable_sort(tied.begin(), tied.end(), is_more_particular);
    const Tried& best = *tied.front();
    std::vector<std::string> ties;
    for (std::size_t i = 1; i < tied.size(); ++i) ties.push_back(describe(*tied[i], best));
    const double confidence = has_logits ? (is_believed ? 0.9 : 0.2) : is_believed ? confidence_in_ids(race) : 0.1;
    for (const Planted* planted : best.faults) {
      Finding finding = finding_of(*planted->fault, planted->parameters, site(planted->steps.begin()->first));
      for (const auto& [step, hypothesis] : planted->steps) finding.taps.push_back(tap(step));
      finding.operation = model::name_of(plan().steps[planted->steps.begin()->first].operation);
      finding.observed = has_logits ? "logits" : "ids";
      finding.residual_before = result.residual;
      finding.residual_after = best.score.residual;
      finding.expected = result.expected;
      finding.confidence = confidence / static_cast<double>(sharing(ties.size()));
      finding.ties = ties;
      result.findings.push_back(std::move(finding));
    }
  }

  /// Faults that reproduce all ids, or one less, are counted: of the latter at most every second would reproduce the
  /// last one too, by chance.
  double confidence_in_ids(const Race& race) const {
    const std::size_t all = request_.outside.chosen.size();
    double most = 0;
    double nearly = 0;
    for (const Tried& tried : race.results()) {
      most += tried.score.reproduced == all ? 1 : 0;
      nearly += tried.score.reproduced + 1 == all ? 1 : 0;
    }
    return (all >= kManyIds ? 0.8 : 0.3) * most / (most + nearly / 2);
  }

  bool are_tied(const Tried& other, const Tried& best) const {
    if (!other.is_near || !other.is_exact || request_.outside.logits == nullptr) return other.is_near;
    return are_alike(other.score.residual, best.score.residual);
  }

  static bool is_more_particular(const Tried* a, const Tried* b) {
    const auto rank = [](const Tried* tried) {
      const auto all = all_faults();
      return std::make_pair(!tried->is_exact,
                            std::find(all.begin(), all.end(), tried->faults.front()->fault) - all.begin());
    };
    return rank(a) < rank(b);
  }

  /// With its place where that is one step, and another than that of the best.
  std::string describe(const Tried& tried, const Tried& best) const {
    std::string text;
    for (const Planted* planted : tried.faults) {
      if (!text.empty()) text += " and ";
      text += planted->fault->name;
      const std::size_t step = planted->steps.begin()->first;
      const bool is_elsewhere = best.faults.front()->steps.size() > 1 || best.faults.front()->steps.count(step) == 0;
      if (planted->steps.size() == 1 && is_elsewhere) text += fmt::format(" at {}", tap(step));
    }
    return text;
  }

  const WholeModelRequest& request_;
  Stepper stepper_;
  RightValues right_;
  std::deque<Planted> planted_;
};

}  // namespace

WholeModelResult replay_whole_model(const model::Model& model, const Passage& passage,
                                    const WholeModelRequest& request) {
  return WholeModel(model, passage, request).run();
}

}  // namespace assay::diagnose

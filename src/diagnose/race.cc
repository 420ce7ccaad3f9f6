#include "diagnose/race.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/threads.h"
#include "diagnose/observation.h"
#include "diagnose/search.h"

namespace assay::diagnose {
namespace {

// Tokens of the laps before the whole passage. At the first position most rotations turn nothing: one is too few.
constexpr std::size_t kLaps[] = {2, 8};
// An engine may round this much more than 8-bit activations do (Lap::expected), where few rows were seen.
constexpr double kSlack = 2;
// Beside one that explains the beginning, only what leaves about as little can be right.
constexpr double kBeside = 10;
// Fast runs tell what is so many times their noise.
constexpr double kSeen = 100;
// Other orders of summation round otherwise (rounding.cc has the same), and so does the dump's float32.
constexpr double kMargin = 3;
constexpr double kFloat32Margin = 8;
constexpr double kFloat32Floor = 8 * 0x1p-24;
// Seconds, some thirty years; a clock holds no more than some hundred.
constexpr double kForever = 1e9;
// What a fault must take away to be believed.
constexpr double kBelievable = 8;
// Several models are run at a time while their values fit into so many bytes.
constexpr std::size_t kManyBytes = std::size_t{1} << 30;
// The best are run exactly, up to so many multiplications, but some in any case.
constexpr double kExactWork = 4e11;
constexpr std::size_t kExact = 4;

void sort(std::vector<Tried>& tried) {
  std::stable_sort(tried.begin(), tried.end(),
                   [](const Tried& a, const Tried& b) { return is_better(a.score, b.score); });
}

/// Multiplications of one run.
double work(const RightValues& right) {
  double weights = 0;
  for (const gguf::Tensor* tensor : right.plan().weights) weights += static_cast<double>(tensor->values());
  return weights * static_cast<double>(right.passage().tokens.size());
}

}  // namespace

Race::Race(const RightValues& right, const RaceRequest& request) : right_(right), request_(request) {
  Matrix rounded;
  Matrix fast;
  if (request.outside.logits != nullptr) {
    const Stepper exact(right.plan(), request.threads);
    const Matrix fine = right.logits_by(exact, engine::Arithmetic::f32);
    finest_ = kFloat32Margin * distance(*request.outside.logits, fine, right.logits()) + kFloat32Floor;
    rounded = request.coarsest == engine::Arithmetic::f32 ? fine : right.logits_by(exact, request.coarsest);
    fast = right.logits_by({right.plan(), request.threads, Products::fast}, engine::Arithmetic::f64);
    for (const std::size_t tokens : kLaps) {
      const trace::ForeignTap said = said_of_first(*request.outside.logits, tokens);
      const bool is_enough = (!said.rows.empty() && said.rows.back() > 0) ||
                             std::any_of(said.facts.begin(), said.facts.end(), [](const auto& f) { return f.row > 0; });
      if (!is_enough || 2 * tokens > right.passage().tokens.size()) continue;
      beginnings_.push_back(right.first(tokens));
      add_lap(beginnings_.back(), rounded, fast);
    }
  }
  add_lap(right, rounded, fast);
}

void Race::start(double seconds) {
  const std::chrono::duration<double> left(seconds > 0 ? std::min(seconds, kForever) : 0);  // none of what is no number
  deadline_ = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(left);
}

void Race::add_lap(const RightValues& right, const Matrix& rounded, const Matrix& fast) {
  Lap& lap = laps_.emplace_back();
  lap.right = &right;
  lap.outside = request_.outside;
  if (request_.outside.logits != nullptr) {
    lap.said = said_of_first(*request_.outside.logits, right.passage().tokens.size());
    if (&right == &right_) lap.said = *request_.outside.logits;
    lap.outside.logits = &lap.said;
    const double margin = request_.coarsest == engine::Arithmetic::f32 ? kFloat32Margin : kMargin;
    lap.expected = margin * distance(lap.said, rounded, right_.logits()) + kFloat32Floor;
    lap.noise = distance(lap.said, fast, right_.logits());
  }
  lap.plain = score(lap.outside, right.logits());
  const bool is_hidden = request_.outside.logits != nullptr && lap.plain.residual < kSeen * lap.noise;
  lap.products = is_hidden ? Products::exact : Products::fast;
}

bool Race::looks_ahead(const Candidate& candidate) {
  return std::any_of(candidate.begin(), candidate.end(), [&](const Planted* planted) {
    const model::Step& step = right_.plan().steps[planted->steps.begin()->first];
    const auto [known, is_new] =
        looks_ahead_.try_emplace(fmt::format("{} {}", planted->name, model::name_of(step.operation)), false);
    if (is_new) {
      const Stepper stepper(right_.plan(), request_.threads, Products::fast);
      const RightValues& few = *laps_.front().right;
      known->second = !is_causal(*planted, few, *laps_[1].right, stepper);
    }
    return known->second;
  });
}

std::size_t Race::run(std::vector<Candidate> candidates, std::string_view what) {
  std::size_t tried = candidates.size();
  std::vector<Tried> running;
  std::vector<Tried> waiting;  // for the whole passage
  for (Candidate& candidate : candidates) {
    // Late ones run nowhere.
    std::vector<Tried>& where = laps_.size() > 1 && !is_late() && looks_ahead(candidate) ? waiting : running;
    where.push_back({std::move(candidate), {}});
  }
  for (const Lap& lap : laps_) {
    // Who has come so far and is among the best goes on when the time is over.
    const std::size_t certain = &lap == &laps_.front() ? 0 : std::min(running.size(), request_.hopeful);
    if (&lap == &laps_.back()) std::move(waiting.begin(), waiting.end(), std::back_inserter(running));
    const std::size_t ran = run_lap(lap, running, certain, lap.products, what);
    tried -= running.size() - ran;
    running.resize(ran);
    if (&lap != &laps_.back()) drop(lap, running);
  }
  std::move(running.begin(), running.end(), std::back_inserter(results_));
  sort(results_);
  mark_near();
  return tried;
}

std::size_t Race::run_lap(const Lap& lap, std::vector<Tried>& running, std::size_t certain, Products products,
                          std::string_view what) const {
  const bool is_apart =
      running.size() > 1 && lap.right->bytes() * static_cast<std::size_t>(request_.threads) <= kManyBytes;
  const int teams = is_apart ? request_.threads : 1;
  const Stepper stepper(right_.plan(), is_apart ? 1 : request_.threads, products);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(teams));
  std::atomic<std::size_t> next{0};
  run_team(teams, [&](const Team& team) {
    try {
      for (;;) {
        // A place once taken is run, so that those that were run are the first ones.
        if (next >= certain && is_late()) return;
        const std::size_t i = next++;
        if (i >= running.size()) return;
        if (team.thread == 0 && request_.on_run) request_.on_run(i, running.size(), what);
        running[i].score = score(lap.outside, lap.right->logits_with(running[i].faults, stepper));
      }
    } catch (...) {
      errors[static_cast<std::size_t>(team.thread)] = std::current_exception();
      next = running.size();
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return std::min(next.load(), running.size());
}

void Race::drop(const Lap& lap, std::vector<Tried>& running) const {
  if (running.empty()) return;
  sort(running);
  const Score best = running.front().score;
  double kept = kSlack * lap.expected;
  std::size_t hopeful = request_.hopeful;
  if (explains(best, lap)) {
    kept = std::min(kept, kBeside * std::max(best.residual, kBeside * lap.noise));
    hopeful = 0;
  }
  const auto last =
      std::find_if(running.begin(), running.end(), [&](const Tried& tried) { return !(tried.score.residual <= kept); });
  const auto rest = static_cast<std::size_t>(running.end() - last);
  running.erase(last + static_cast<std::ptrdiff_t>(std::min(rest, hopeful)), running.end());
}

bool Race::explains(const Score& score, const Lap& lap) const {
  if (request_.outside.logits == nullptr) return score.reproduced == request_.outside.chosen.size();
  return score.residual <= lap.expected && score.residual * kBelievable <= lap.plain.residual;
}

bool Race::is_explained() {
  if (results_.empty() || !explains(results_.front().score, laps_.back())) return false;
  settle();
  return explains(results_.front().score, laps_.back());
}

void Race::mark_near() {
  if (results_.empty()) return;
  const Score& best = results_.front().score;
  const bool is_seen_through = explains(best, laps_.back());
  const double near = is_seen_through ? kBeside * std::max(best.residual, kBeside * laps_.back().noise) : best.residual;
  for (Tried& tried : results_) {
    tried.is_near = request_.outside.logits == nullptr
                        ? tried.score.reproduced == best.reproduced
                        : tried.score.residual <= near || are_alike(tried.score.residual, best.residual);
  }
}

void Race::settle() {
  if (results_.empty()) return;
  std::size_t most = 1;
  if (explains(results_.front().score, laps_.back())) {
    most = std::max(kExact, static_cast<std::size_t>(kExactWork / work(right_)));
  }
  std::vector<Tried> chosen;
  std::vector<Tried> others;
  for (Tried& tried : results_) {
    const bool is_chosen = tried.is_near && !tried.is_exact && chosen.size() < most;
    (is_chosen ? chosen : others).push_back(std::move(tried));
  }
  run_lap(laps_.back(), chosen, chosen.size(), Products::exact, "the best, exactly");
  for (Tried& tried : chosen) tried.is_exact = true;
  results_ = std::move(chosen);
  std::move(others.begin(), others.end(), std::back_inserter(results_));
  sort(results_);
}

}  // namespace assay::diagnose

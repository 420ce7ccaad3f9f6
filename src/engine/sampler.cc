#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/math.h"

namespace assay::engine {
namespace {

void check(bool in_range, const char* option, double value, const char* range) {
  if (in_range) return;
  throw Error(ErrorKind::usage, fmt::format("{} is {}", option, value), fmt::format("it must be {}", range));
}

void check(const SamplerOptions& options) {
  check(std::isfinite(options.temperature) && options.temperature >= 0, "temperature", options.temperature,
        "a number of at least 0 (0 is greedy)");
  check(options.top_p > 0 && options.top_p <= 1, "top-p", options.top_p, "above 0 and at most 1 (1 is off)");
  check(options.min_p >= 0 && options.min_p <= 1, "min-p", options.min_p, "between 0 and 1 (0 is off)");
  check(options.repetition_penalty >= 0.01 && options.repetition_penalty <= 100, "the repetition penalty",
        options.repetition_penalty, "between 0.01 and 100 (1 is off)");
  check(std::abs(options.frequency_penalty) <= 100, "the frequency penalty", options.frequency_penalty,
        "between -100 and 100 (0 is off)");
  check(std::abs(options.presence_penalty) <= 100, "the presence penalty", options.presence_penalty,
        "between -100 and 100 (0 is off)");
}

/// The largest logit's id; throws for logits that no distribution comes from.
std::int32_t checked_argmax(const Rows& logits) {
  const std::size_t row = logits.count - 1;
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.width; ++i) {
    const double value = logits.at(row, i);
    if (std::isnan(value) || value == std::numeric_limits<double>::infinity()) {
      throw Error(ErrorKind::input, fmt::format("the logit of token {} is {}, not a number to choose by", i, value),
                  "a weight of the model may be NaN or infinite: `assay inspect MODEL --stats` names the tensor");
    }
    if (value > logits.at(row, best)) best = i;
  }
  if (logits.at(row, best) == -std::numeric_limits<double>::infinity()) {
    throw Error(ErrorKind::input, "every logit is -inf: there is no token to choose",
                "a weight of the model may be infinite: `assay inspect MODEL --stats` names the tensor");
  }
  return static_cast<std::int32_t>(best);
}

bool stands_before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}
bool stands_behind(const Candidate& a, const Candidate& b) { return stands_before(b, a); }

double largest_logit(const std::vector<Candidate>& candidates) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates) largest = std::max(largest, candidate.logit);
  return largest;
}

/// Probabilities from logits.
void softmax(std::vector<Candidate>& candidates, double temperature) {
  const double largest = largest_logit(candidates);
  double sum = 0;
  for (Candidate& candidate : candidates) {
    candidate.probability = portable_exp((candidate.logit - largest) / temperature);
    sum += candidate.probability;
  }
  for (Candidate& candidate : candidates) candidate.probability /= sum;
}

void keep_top_k(std::vector<Candidate>& candidates, std::size_t k) {
  if (k == 0 || k >= candidates.size()) return;
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(k);
  std::partial_sort(candidates.begin(), end, candidates.end(), stands_before);
  candidates.erase(end, candidates.end());
}

/// A heap gives the largest first without sorting a whole vocabulary.
void keep_top_p(std::vector<Candidate>& candidates, double top_p) {
  softmax(candidates, 1);
  std::make_heap(candidates.begin(), candidates.end(), stands_behind);
  auto heap_end = candidates.end();
  double sum = 0;
  while (heap_end != candidates.begin() && sum < top_p) {
    std::pop_heap(candidates.begin(), heap_end, stands_behind);
    --heap_end;
    sum += heap_end->probability;
  }
  // The popped ones stand at the end, the largest last.
  candidates.erase(candidates.begin(), heap_end);
  std::reverse(candidates.begin(), candidates.end());
}

void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  const double largest = largest_logit(candidates);
  std::erase_if(candidates,
                [&](const Candidate& candidate) { return portable_exp(candidate.logit - largest) < min_p; });
}

}  // namespace

RandomGenerator::RandomGenerator(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    word = z ^ z >> 31;
  }
}

std::uint64_t RandomGenerator::next() {
  auto& s = state_;
  const std::uint64_t result = std::rotl(s[1] * 5, 7) * 9;
  const std::uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = std::rotl(s[3], 45);
  return result;
}

double RandomGenerator::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

Sampler::Sampler(const SamplerOptions& options) : options_(options), random_(options.seed) { check(options); }

void Sampler::accept(std::int32_t token) {
  if (options_.penalty_window == 0) return;
  if (window_.size() < options_.penalty_window) {
    window_.push_back(token);
  } else {
    window_[accepted_ % options_.penalty_window] = token;
  }
  ++accepted_;
}

void Sampler::penalize() {
  if (options_.repetition_penalty == 1 && options_.frequency_penalty == 0 && options_.presence_penalty == 0) return;
  std::unordered_map<std::int32_t, double> counts;
  for (const std::int32_t token : window_) counts[token] += 1;
  for (const auto& [token, count] : counts) {
    if (token < 0 || static_cast<std::size_t>(token) >= candidates_.size()) continue;
    double& logit = candidates_[static_cast<std::size_t>(token)].logit;
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    logit -= count * options_.frequency_penalty + options_.presence_penalty;
  }
}

void Sampler::truncate() {
  keep_top_k(candidates_, options_.top_k);
  if (options_.top_p < 1) keep_top_p(candidates_, options_.top_p);
  if (options_.min_p > 0) keep_min_p(candidates_, options_.min_p);
}

std::span<const Candidate> Sampler::distribution(const Rows& logits) {
  const std::int32_t greedy = checked_argmax(logits);
  const std::size_t row = logits.count - 1;
  if (options_.temperature == 0) {
    candidates_.assign(1, {greedy, logits.at(row, static_cast<std::size_t>(greedy)), 1});
    return candidates_;
  }
  candidates_.resize(logits.width);
  for (std::size_t i = 0; i < logits.width; ++i) candidates_[i] = {static_cast<std::int32_t>(i), logits.at(row, i), 0};
  penalize();
  truncate();
  softmax(candidates_, options_.temperature);
  return candidates_;
}

std::int32_t Sampler::sample(const Rows& logits) {
  if (options_.temperature == 0) return checked_argmax(logits);
  distribution(logits);
  const double drawn = random_.uniform();
  double sum = 0;
  std::int32_t token = candidates_.front().token;
  for (const Candidate& candidate : candidates_) {
    if (candidate.probability == 0) continue;
    // Rounding may leave the whole sum a little below the draw: then it is the last one that has any probability.
    token = candidate.token;
    sum += candidate.probability;
    if (drawn < sum) break;
  }
  return token;
}

}  // namespace assay::engine

// From logits to the next token. Order of application, each stage on what the one before left over:
//   1. penalties    over the last `penalty_window` tokens, on the logits: a repeated token's logit is divided by
//   `repetition`
//                   when positive, multiplied when not (Keskar et al. 2019), then loses count * frequency + presence
//   2. top-k        the k largest logits stay (0: all)
//   3. top-p        the shortest run of largest probabilities that reaches p stays (1: all; Holtzman et al. 2020)
//   4. min-p        what has at least p times the largest probability stays (0: all)
//   5. temperature  softmax(logit / temperature) over the tokens that are left, and one is drawn
// Temperature 0 is argmax of the model's own logits, before any of these could matter. Equal logits: the lower id
// first. Same seed, same logits: same tokens on every machine (double precision, base/math.h, own generator).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace assay::engine {

struct SamplerOptions {
  double temperature = 0;           ///< finite, >= 0
  std::size_t top_k = 0;            ///< 0: off
  double top_p = 1;                 ///< in (0, 1]; 1: off
  double min_p = 0;                 ///< in [0, 1]; 0: off
  double repetition_penalty = 1;    ///< in [0.01, 100]; 1: off
  double frequency_penalty = 0;     ///< in [-100, 100]; 0: off
  double presence_penalty = 0;      ///< in [-100, 100]; 0: off
  std::size_t penalty_window = 64;  ///< how many of the last tokens the penalties see
  std::uint64_t seed = 0;
};

/// xoshiro256** (Blackman and Vigna 2018), its state filled by splitmix64 from the seed.
class RandomGenerator {
 public:
  explicit RandomGenerator(std::uint64_t seed);
  std::uint64_t next();
  /// Uniform in [0, 1), of 53 bits.
  double uniform();

 private:
  std::array<std::uint64_t, 4> state_;
};

struct Candidate {
  std::int32_t token;
  double logit;        ///< after the penalties
  double probability;  ///< of being drawn
};

class Sampler {
 public:
  /// Throws Error{usage} that names the option and its range.
  explicit Sampler(const SamplerOptions& options);

  /// The next token for the last row of `logits`; it is not accepted by itself. Throws Error{input} when a logit is NaN
  /// or +inf, or when all are -inf.
  std::int32_t sample(const Rows& logits);

  /// What sample() draws from, largest probability first where top-k or top-p ordered it, by id otherwise;
  /// probabilities add up to 1. With temperature 0 the greedy token alone. Valid until the next call. Throws as
  /// sample() does.
  std::span<const Candidate> distribution(const Rows& logits);

  /// Tells the penalties what was said, prompt included.
  void accept(std::int32_t token);

 private:
  void penalize();
  void truncate();

  SamplerOptions options_;
  RandomGenerator random_;
  std::vector<std::int32_t> window_;  // the last tokens, a ring
  std::size_t accepted_ = 0;
  std::vector<Candidate> candidates_;
};

}  // namespace assay::engine

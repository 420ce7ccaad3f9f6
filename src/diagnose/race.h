// A race of faults put into a whole model: all are run over a few tokens, fast; those that may yet explain what was
// said are run over more, and the best of these exactly.
//
// A fault that explains all that was said explains what was said of the beginning too, so nothing right is dropped, but
// for faults that look ahead: these are run over the whole passage only.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/stepper.h"
#include "diagnose/whole_run.h"
#include "diagnose/whole_score.h"
#include "engine/precision.h"

namespace assay::diagnose {

struct Tried {
  Candidate faults;
  Score score;
  bool is_exact = false;  ///< score is of an exact run
  bool is_near = false;   ///< fast runs do not tell it from the best
};

struct RaceRequest {
  Outside outside;
  int threads = 1;
  engine::Arithmetic coarsest = engine::Arithmetic::q8;  ///< that the engine may compute in
  std::size_t hopeful = 12;                              ///< so many of the best stay in although they explain nothing
  std::function<void(std::size_t done, std::size_t total, std::string_view what)> on_run;  ///< may be empty
};

class Race {
 public:
  /// `right` must outlive the race, and so must what the request points at.
  Race(const RightValues& right, const RaceRequest& request);

  const Score& plain() const { return laps_.back().plain; }  ///< without a fault
  double expected() const { return laps_.back().expected; }  ///< of the residual, by the coarsest; 0 without logits
  double finest() const { return finest_; }                  ///< the same by float32

  /// From here on so many seconds are to be had.
  void start(double seconds);

  /// Runs them in this order until the time is over; `what` they are is for the progress. How many were tried. The
  /// planted ones must outlive the race.
  std::size_t run(std::vector<Candidate> candidates, std::string_view what);
  bool is_late() const { return std::chrono::steady_clock::now() >= deadline_; }
  /// Whether the best explains what was said, by an exact run.
  bool is_explained();
  /// Runs the best exactly.
  void settle();
  /// All that were run over the whole passage, in all races, the best first.
  const std::vector<Tried>& results() const { return results_; }

 private:
  /// A beginning of the passage, or all of it.
  struct Lap {
    const RightValues* right = nullptr;
    trace::ForeignTap said;
    Outside outside;
    Score plain;
    double expected = 0;
    double noise = 0;                    ///< of fast runs, in the residual
    Products products = Products::fast;  ///< exact where the noise hides too much
  };

  void add_lap(const RightValues& right, const Matrix& rounded, const Matrix& fast);
  bool looks_ahead(const Candidate& candidate);
  bool explains(const Score& score, const Lap& lap) const;
  /// Runs some of them, at least the first `certain`, whatever the time. Returns how many: the first ones.
  std::size_t run_lap(const Lap& lap, std::vector<Tried>& running, std::size_t certain, Products products,
                      std::string_view what) const;
  void drop(const Lap& lap, std::vector<Tried>& running) const;
  void mark_near();

  const RightValues& right_;
  RaceRequest request_;
  double finest_ = 0;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::deque<RightValues> beginnings_;
  std::deque<Lap> laps_;                     // the last one is of the whole passage
  std::map<std::string, bool> looks_ahead_;  // by name and operation
  std::vector<Tried> results_;
};

}  // namespace assay::diagnose

// The thread team: OpenMP, used in one way only. A parallel region is opened once around a whole evaluation; inside it
// each thread takes its share of rows by number, and barriers stand between steps. No reduction is ever split across
// threads, so the number of threads never changes a bit of a result.
#pragma once

#include <atomic>
#include <cstddef>

#include <omp.h>

namespace assay {

/// Cores that this process may use.
int available_threads();

/// Where the threads of a team wait for the last of them: awake for some microseconds, because steps are short, then
/// asleep, because on a busy machine the last one may be waiting for this very core. (OpenMP's own barrier stays awake
/// for tens of milliseconds.)
class TeamBarrier {
 public:
  void wait(int threads);

 private:
  std::atomic<int> arrived_{0};
  std::atomic<int> round_{0};
};

/// One thread's place in the team.
struct Team {
  int thread = 0;
  int threads = 1;
  TeamBarrier* team_barrier = nullptr;

  struct Range {
    std::size_t begin, end;
  };
  /// This thread's contiguous share of `count` items, in multiples of `grain` (the last share may be ragged).
  Range share(std::size_t count, std::size_t grain = 1) const {
    const std::size_t grains = (count + grain - 1) / grain;
    const auto at = [&](int t) {
      const std::size_t item = grains * static_cast<std::size_t>(t) / static_cast<std::size_t>(threads) * grain;
      return item < count ? item : count;
    };
    return {at(thread), at(thread + 1)};
  }
  void barrier() const {
    if (threads > 1) team_barrier->wait(threads);
  }
};

/// Runs work(Team) on every thread of a team of `threads`. `work` must not throw.
template <typename Work>
void run_team(int threads, Work&& work) {
  if (threads <= 1) {
    work(Team{0, 1});
    return;
  }
  TeamBarrier barrier;
#pragma omp parallel num_threads(threads)
  {
    const Team team{omp_get_thread_num(), omp_get_num_threads(), &barrier};
    work(team);
    team.barrier();
  }
}

}  // namespace assay

#include "base/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay {
namespace {

/// About fifty microseconds.
constexpr int kSpins = 1500;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

int available_threads() { return omp_get_num_procs(); }

void TeamBarrier::wait(int threads) {
  const int round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
    return;
  }
  for (int spin = 0; spin < kSpins; ++spin) {
    if (round_.load(std::memory_order_acquire) != round) return;
    relax();
  }
  round_.wait(round, std::memory_order_acquire);
}

}  // namespace assay

#include "cli/memory_bandwidth.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "base/threads.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMinBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr int kPasses = 6;
constexpr std::size_t kLanes = 32;  // independent sums, so that additions do not wait for each other

std::size_t buffer_words() {
  const long cache_bytes = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  const auto wanted = static_cast<std::size_t>(std::max(cache_bytes, 0L)) * 4;
  return std::clamp(wanted, kMinBytes, kMaxBytes) / sizeof(std::uint64_t);
}

std::uint64_t sum(const std::uint64_t* words, std::size_t count) {
  std::array<std::uint64_t, kLanes> lanes{};
  for (std::size_t i = 0; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += words[i + lane];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t lane : lanes) total += lane;
  return total;
}

}  // namespace

double measure_read_bandwidth(int threads) {
  const std::size_t words = buffer_words();
  const std::unique_ptr<std::uint64_t[]> buffer(new std::uint64_t[words]);
  // Written by the threads that will read it, so that its pages lie near them.
  run_team(threads, [&](const Team& team) {
    const Team::Range share = team.share(words, kLanes);
    std::fill(buffer.get() + share.begin, buffer.get() + share.end, share.begin + 1);
  });
  double best = 0;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads));
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    run_team(threads, [&](const Team& team) {
      const Team::Range share = team.share(words, kLanes);
      sums[static_cast<std::size_t>(team.thread)] += sum(buffer.get() + share.begin, share.end - share.begin);
    });
    const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, static_cast<double>(words * sizeof(std::uint64_t)) / elapsed_s);
  }
  // The sums are used, so the reads cannot be left out.
  const volatile std::uint64_t used = sums[0];
  static_cast<void>(used);
  return best;
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace assay::cli

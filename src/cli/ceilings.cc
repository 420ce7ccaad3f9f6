#include "cli/ceilings.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/threads.h"
#if defined(__x86_64__)
#include "kernels/amx/tiles.h"
#endif

namespace assay::cli {
namespace {

constexpr std::size_t kMinBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr std::size_t kWordsOfLine = 8;

std::size_t buffer_words() {
  const long cache_bytes = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  const auto wanted = static_cast<std::size_t>(std::max(cache_bytes, 0L)) * 4;
  return std::clamp(wanted, kMinBytes, kMaxBytes) / sizeof(std::uint64_t);
}

/// One word of every line, which is what memory delivers, in `kStreams` places at once. Lines are asked for kFarAhead
/// bytes before they are used, into the second-level cache, and kNearAhead before, into the first; 0: never.
template <std::size_t kStreams, std::size_t kFarAhead, std::size_t kNearAhead>
std::uint64_t touch(const std::uint64_t* words, std::size_t count) {
  const std::size_t stream_words = count / kStreams / kWordsOfLine * kWordsOfLine;
  std::uint64_t sums[kStreams] = {};
  for (std::size_t i = 0; i < stream_words; i += kWordsOfLine) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
      const std::uint64_t* line = words + stream * stream_words + i;
      if constexpr (kFarAhead != 0) __builtin_prefetch(line + kFarAhead / sizeof *line, 0, 2);
      if constexpr (kNearAhead != 0) __builtin_prefetch(line + kNearAhead / sizeof *line);
      sums[stream] += *line;
    }
  }
  return std::accumulate(std::begin(sums), std::end(sums), std::uint64_t{0});
}

/// Which of them is fastest depends on the CPU's own prefetchers: the first on an Intel Xeon, the second on
/// an AMD Zen 4, by a quarter; the third is how products read (kernels/generic/streams.h).
constexpr std::uint64_t (*kReads[])(const std::uint64_t*, std::size_t) = {touch<4, 0, 4096>, touch<8, 0, 0>,
                                                                          touch<8, 1024, 256>};

constexpr std::uint64_t kRounds = 1 << 21;
// Enough independent chains to hide the latency of any of these instructions.
constexpr int kChains = 12;
constexpr double kOperationsOfProduct = 2;

#if defined(__x86_64__)

/// Says that `accumulator` may have been read and changed here, so that the loop around it stays.
#define ASSAY_KEEP(accumulator) __asm__ volatile("" : "+v"(accumulator))

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void run_vpdpbusd(std::uint64_t rounds) {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(5);
  __m512i sums[kChains] = {};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      ASSAY_KEEP(sum);
    }
  }
}

/// One starts every 16 cycles and takes 52: four sums suffice.
constexpr double kTileProducts = 4;
constexpr double kOperationsOfTiles = 16 * 16 * 64 * kOperationsOfProduct;
void run_tdpbssd(std::uint64_t rounds) {
  static constexpr kernels::TileConfiguration kConfiguration = kernels::tiles_of(64);
  const kernels::Tiles tiles(kConfiguration);  // which makes all of them zero
  for (std::uint64_t i = 0; i < rounds; ++i) {
    kernels::add_signed_products<0, 4, 6>();
    kernels::add_signed_products<1, 5, 6>();
    kernels::add_signed_products<2, 4, 7>();
    kernels::add_signed_products<3, 5, 7>();
  }
}

__attribute__((target("avx512f"))) void run_fma512(std::uint64_t rounds) {
  const __m512 a = _mm512_set1_ps(1.5F);
  __m512 sums[kChains] = {};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(a, a, sum);
      ASSAY_KEEP(sum);
    }
  }
}

__attribute__((target("avx2"))) void run_vpmaddubsw(std::uint64_t rounds) {
  const __m256i a = _mm256_set1_epi8(3);
  __m256i b = _mm256_set1_epi8(5);
  __m256i sums[kChains] = {};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (__m256i& sum : sums) {
      ASSAY_KEEP(b);
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
      ASSAY_KEEP(sum);
    }
  }
}

__attribute__((target("avx2,fma"))) void run_fma256(std::uint64_t rounds) {
  const __m256 a = _mm256_set1_ps(1.5F);
  __m256 sums[kChains] = {};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(a, a, sum);
      ASSAY_KEEP(sum);
    }
  }
}

#undef ASSAY_KEEP

#endif

/// As a compiler for any CPU of this architecture makes it.
template <typename Factor, typename Sum>
void run_plain(std::uint64_t rounds) {
  constexpr int kLanes = 64;
  Factor a[kLanes];
  Sum sums[kLanes] = {};
  std::fill(std::begin(a), std::end(a), Factor{3});
  for (std::uint64_t i = 0; i < rounds / 8; ++i) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += static_cast<Sum>(a[lane]) * static_cast<Sum>(a[lane]);
    __asm__ volatile("" : : "r"(&sums[0]), "r"(&a[0]) : "memory");
  }
}
constexpr double kPlainOperations = 64 * kOperationsOfProduct / 8;

}  // namespace

MemoryReader::MemoryReader(int threads)
    : threads_(threads), words_(buffer_words()), buffer_(new std::uint64_t[words_]) {
  // Written by the threads that will read it, so that its pages lie near them.
  run_team(threads_, [&](const Team& team) {
    const Team::Range share = team.share(words_, kWordsOfLine);
    std::fill(buffer_.get() + share.begin, buffer_.get() + share.end, share.begin + 1);
  });
}

std::size_t MemoryReader::ways() { return std::size(kReads); }

void MemoryReader::read(std::size_t way) {
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads_));
  run_team(threads_, [&](const Team& team) {
    const Team::Range share = team.share(words_, kWordsOfLine);
    sums[static_cast<std::size_t>(team.thread)] = kReads[way](buffer_.get() + share.begin, share.end - share.begin);
  });
  // The sums are used, so the reads cannot be left out.
  const volatile std::uint64_t used = sums[0];
  static_cast<void>(used);
}

Multiplier byte_multiplier([[maybe_unused]] std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "amx") return {"tdpbssd, 16 x 16 x 64", kTileProducts * kOperationsOfTiles, run_tdpbssd};
  if (isa == "avx512" || isa == "zen4")
    return {"vpdpbusd, 512 bits", kChains * 64 * kOperationsOfProduct, run_vpdpbusd};
  if (isa == "avx2") return {"vpmaddubsw, 256 bits", kChains * 32 * kOperationsOfProduct, run_vpmaddubsw};
#endif
  return {"plain code", kPlainOperations, run_plain<std::int16_t, std::int32_t>};
}

Multiplier float_multiplier([[maybe_unused]] std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx512" || isa == "zen4" || isa == "amx")
    return {"vfmadd, 512 bits", kChains * 16 * kOperationsOfProduct, run_fma512};
  if (isa == "avx2") return {"vfmadd, 256 bits", kChains * 8 * kOperationsOfProduct, run_fma256};
#endif
  return {"plain code", kPlainOperations, run_plain<float, float>};
}

double multiply(const Multiplier& multiplier, int threads) {
  run_team(threads, [&](const Team&) { multiplier.run(kRounds); });
  return multiplier.operations_per_round * static_cast<double>(kRounds) * threads;
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace assay::cli

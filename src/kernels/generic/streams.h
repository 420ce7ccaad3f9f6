// How a single token's product reads its rows from memory: in several places at once, far from each other, so that each
// is one long stream, for which a CPU's prefetchers work best. Short rows one behind the other, read side by side, are
// slower by a third. Lines are asked for in two steps: the first-level cache can wait for few of them.
#pragma once

#include <cstddef>

namespace assay::kernels {
namespace {

inline constexpr std::size_t kLineBytes = 64;
inline constexpr std::size_t kFarAhead = 1024;
inline constexpr std::size_t kNearAhead = 256;

/// Asks for what follows `bytes` bytes of a stream that are about to be used.
template <std::size_t kBytes>
inline void prefetch_stream(const void* bytes) {
  const char* p = static_cast<const char*>(bytes);
  for (std::size_t line = 0; line < kBytes; line += kLineBytes) {
    __builtin_prefetch(p + kFarAhead + line, 0, 2);  // into the second-level cache
    __builtin_prefetch(p + kNearAhead + line);
  }
}

/// The same in one step, for small blocks that take long: asking twice costs more than it brings.
template <std::size_t kBytes>
inline void prefetch_near(const void* bytes) {
  const char* p = static_cast<const char*>(bytes);
  for (std::size_t line = 0; line < kBytes; line += kLineBytes) __builtin_prefetch(p + kNearAhead + line);
}

/// Rows of each of `streams` streams. The last ones may have fewer, or none.
constexpr std::size_t rows_of_stream(std::size_t rows, std::size_t streams) { return (rows + streams - 1) / streams; }

}  // namespace
}  // namespace assay::kernels

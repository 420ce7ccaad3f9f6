// How fast this machine reads memory, for the share of it that decoding uses.
#pragma once

#include <cstdint>

namespace assay::cli {

/// Bytes a second that `threads` threads read together from a buffer several times larger than the last-level cache:
/// the best of a few passes, because others may use the machine meanwhile.
double measure_read_bandwidth(int threads);

/// The largest resident size of this process so far.
std::uint64_t peak_memory_bytes();

}  // namespace assay::cli

// The codebooks of quant/grids.h for objects that may include nothing of another room: their entries, and
// the same as codes of sixteen bits.
#pragma once

#include <cstdint>

namespace assay::kernels {

extern const std::uint64_t* const kIq1Entries;
extern const std::uint64_t* const kIq2XxsEntries;
extern const std::uint64_t* const kIq2XsEntries;
extern const std::uint64_t* const kIq2SEntries;
extern const std::uint32_t* const kIq3XxsEntries;
extern const std::uint32_t* const kIq3SEntries;

/// Bits 0-7 of all entries of a codebook, then bits 8-15 of all.
extern const std::uint8_t* const kIq2XxsCodes;
extern const std::uint8_t* const kIq2XsCodes;
extern const std::uint8_t* const kIq3XxsCodes;
extern const std::uint8_t* const kIq3SCodes;

}  // namespace assay::kernels

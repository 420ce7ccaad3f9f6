// The codebooks of quant/grids.h for objects that may include nothing of another room: their entries.
#pragma once

#include <cstdint>

namespace assay::kernels {

extern const std::uint64_t* const kIq1Entries;
extern const std::uint64_t* const kIq2XxsEntries;
extern const std::uint64_t* const kIq2XsEntries;
extern const std::uint64_t* const kIq2SEntries;
extern const std::uint32_t* const kIq3XxsEntries;
extern const std::uint32_t* const kIq3SEntries;

}  // namespace assay::kernels

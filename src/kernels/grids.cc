#include "kernels/grids.h"

#include "quant/grids.h"

namespace assay::kernels {

constinit const std::uint64_t* const kIq1Entries = quant::kIq1Grid.entry;
constinit const std::uint64_t* const kIq2XxsEntries = quant::kIq2XxsGrid.entry;
constinit const std::uint64_t* const kIq2XsEntries = quant::kIq2XsGrid.entry;
constinit const std::uint64_t* const kIq2SEntries = quant::kIq2SGrid.entry;
constinit const std::uint32_t* const kIq3XxsEntries = quant::kIq3XxsGrid.entry;
constinit const std::uint32_t* const kIq3SEntries = quant::kIq3SGrid.entry;

constinit const std::uint8_t* const kIq2XxsCodes = quant::kIq2XxsCodes.low;
constinit const std::uint8_t* const kIq2XsCodes = quant::kIq2XsCodes.low;
constinit const std::uint8_t* const kIq3XxsCodes = quant::kIq3XxsCodes.low;
constinit const std::uint8_t* const kIq3SCodes = quant::kIq3SCodes.low;

}  // namespace assay::kernels

#include "kernels/grids.h"

#include "quant/grids.h"

namespace assay::kernels {

constinit const std::uint64_t* const kIq1Entries = quant::kIq1Grid.entry;
constinit const std::uint64_t* const kIq2XxsEntries = quant::kIq2XxsGrid.entry;
constinit const std::uint64_t* const kIq2XsEntries = quant::kIq2XsGrid.entry;
constinit const std::uint64_t* const kIq2SEntries = quant::kIq2SGrid.entry;
constinit const std::uint32_t* const kIq3XxsEntries = quant::kIq3XxsGrid.entry;
constinit const std::uint32_t* const kIq3SEntries = quant::kIq3SGrid.entry;

}  // namespace assay::kernels

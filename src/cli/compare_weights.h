// `assay compare --weights`: the values of two files' tensors, without running anything.
#pragma once

#include <string>
#include <vector>

namespace assay::cli {

/// Prints how far each candidate's weights are from the reference's, models.front(): a table, or JSON. A model is what
/// other commands take, a safetensors file, or a folder of them. Returns the exit code: 1 where a tensor is missing,
/// damaged or in an order that no converter makes.
int compare_weight_files(const std::vector<std::string>& models, int threads, bool json);

}  // namespace assay::cli

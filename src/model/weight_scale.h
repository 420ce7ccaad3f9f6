// The factors of matrices that have theirs in a tensor of its own, as those of NVFP4 do: what is meant by
// blk.0.ffn_up.weight is its values times blk.0.ffn_up.scale, of experts each matrix times its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gguf/file.h"

namespace assay::model {

/// What the tensor of factors of "blk.0.ffn_up.weight" would be called; empty for names that end otherwise.
std::string name_of_scale(std::string_view weight);

/// One factor, or one for each of its matrices. Empty where the file has no such tensor, or none of that many values.
std::vector<double> scales_of(const gguf::File& file, const gguf::Tensor& weight);

}  // namespace assay::model

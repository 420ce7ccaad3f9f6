// Looks for NaN and infinity in the weights. Not done at loading, because it reads the whole file; done when logits
// come out non-finite, and on request.
#pragma once

#include <optional>
#include <string>

#include "gguf/file.h"
#include "model/plan.h"

namespace assay::model {

/// One line that names tensor, type, block and byte offset of the first block that decodes to a non-finite value, in
/// the plan's order of weights: "blk.3.ffn_up.weight (Q4_K): block 17 (row 2), at byte 2448 of the tensor, decodes to
/// NaN or infinity".
std::optional<std::string> find_non_finite_weight(const Plan& plan);

/// The same for one tensor. Its type must be decodable.
std::optional<std::string> find_non_finite_block(const gguf::Tensor& tensor);

}  // namespace assay::model

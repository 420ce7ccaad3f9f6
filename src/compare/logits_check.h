// What must hold before logits of two models are compared: one vocabulary, and numbers that are finite.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/engine.h"
#include "model/plan.h"

namespace assay::compare {

/// Throws Error{input} when the candidate, the `number`th from 1 on, has logits for another number of tokens.
void check_vocabulary(const model::Plan& reference, const model::Plan& candidate, std::size_t number);

bool is_finite(const engine::Rows& logits, std::size_t row);

/// "chunk 1, position 31: the logits are not finite", and the weight of the plan that is to blame where one is not
/// finite itself (which reads all weights).
std::string non_finite_logits(const model::Plan& plan, std::string_view where);

/// The same as an error, for the model that everything else is measured against.
Error non_finite_reference(const model::Plan& plan, std::string_view where);

}  // namespace assay::compare

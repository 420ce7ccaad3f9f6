// Rotary embedding with other positions than the passage's, for the faults of positions.
#pragma once

#include <cstddef>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// `rope` of the step's input, each row at the position that `position` gives it.
Matrix rotate(const Site& here, const model::Rope& rope, const PositionOf& position);

/// Appends the step with other positions, unless it is no Rope or they are the right ones.
void propose_positions(const Site& site, std::vector<Parameter> parameters, const PositionOf& position,
                       std::vector<Hypothesis>& hypotheses);

/// Whether any token stands where rotation changes something.
bool has_turns(const Passage& passage);

/// The step's Rope if it turns anything in this passage, else null.
const model::Rope* turning(const Site& site);

/// Whether a row was decoded after the prompt.
inline bool is_decoded(const Passage& passage, std::size_t row) {
  return passage.positions[row] >= passage.prompt_tokens;
}

}  // namespace assay::diagnose

// Values that a step could have read instead of its own, named so that they are found again at another layer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

struct Place {
  std::string name;    ///< of the tap, without its block: "attn_out"
  int back = 0;        ///< how many blocks before the step's; negative: after it
  bool inside = true;  ///< of a block; else one of the model's own values: "embed", "final_norm"

  bool operator==(const Place&) const = default;
};

/// "attn_out", "out of the block before", "embed".
std::string text(const Place& place);

/// As seen from the step of `site`. What stands behind the last block counts as one block further.
Place place_of(const Site& site, model::ValueId value);

/// -1 when there is no such value at this layer. The "out" before the first block is what goes into it.
model::ValueId find(const Site& here, const Place& place);

/// Values as wide as the input that were there before the step: of its block, of the block before, and what would be
/// the input one block earlier. The step's inputs are not among them.
std::vector<Place> alternatives(const Site& site, std::size_t input);

}  // namespace assay::diagnose

// When an observer that only reads sees the values of a program. Right after each step it would cost two barriers a
// value, many times more than the steps need among themselves. So thread 0 shows them at barriers that stand anyway,
// and extra barriers stand only where a value would be overwritten before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/fast/frame.h"
#include "engine/fast/program.h"

namespace assay::engine::fast {

/// What happens before a step: a barrier, then thread 0 shows the values of earlier steps while the others go on, then
/// another barrier where the others must not go on.
struct Showing {
  bool barrier_before = false;
  std::vector<std::uint32_t> steps;  ///< whose values are shown, ascending
  bool barrier_after = false;
};

/// One for every step, and one for the end. `wanted` has a flag a step: its value shall be shown. The flags of
/// place_barriers() are part of the result.
std::vector<Showing> place_showings(std::span<const ProgramStep> steps, const std::vector<bool>& wanted, Mode mode);

}  // namespace assay::engine::fast

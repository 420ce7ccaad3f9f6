// Where the threads must wait for each other: before a step that touches something which another thread has touched
// since the last barrier, when one of them writes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/fast/frame.h"

namespace assay::engine::fast {

/// Whether one of two accesses must wait for the other when different threads make them.
bool collide(const Access& a, const Access& b);

/// One flag a step: a barrier stands before it. The first step needs none: pieces begin with a barrier.
std::vector<std::uint8_t> place_barriers(std::span<const Step* const> steps, Mode mode);

}  // namespace assay::engine::fast

// The two orders in which the channels of a head of Q and K may lie. Rotary embedding turns pairs of channels: Hugging
// Face's weights put the pairs half a head apart (i, i + half), and converters to GGUF may permute them to neighbours
// (2i, 2i + 1). A dump from one side compared with the other looks all wrong, or, where a permutation was lost, is.
// Nothing is converted here unasked.
#pragma once

#include <cstddef>
#include <optional>

#include "model/plan.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::trace {

struct HeadShape {
  model::RopePairing pairing;  ///< the plan's
  std::size_t head_width;
  std::size_t dimensions;  ///< of a head that rotate, from its first channel on
};

/// Of a value that a rotation reads or writes, otherwise none.
std::optional<HeadShape> head_shape(const model::Plan& plan, model::ValueId value);

/// Where a channel of the other order stands in the plan's.
std::size_t channel_in_our_order(const HeadShape& shape, std::size_t channel);

/// The tap with values and facts in the plan's order, taken to have been in the other.
ForeignTap in_our_order(const HeadShape& shape, ForeignTap tap);

}  // namespace assay::trace

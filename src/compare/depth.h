// Drift: how far every tap of a candidate is from the reference's, and which step is to blame.
//
// Three engines walk through the same tokens in pieces: the reference; the candidate; and the candidate "seated", each
// of whose values is overwritten by the reference's as soon as it is measured. So every step of the seated one reads
// the reference's inputs (keys and values reach its cache overwritten too), and its output is the candidate's weights
// on the reference's inputs. Sums: tap_meter.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/plan_pair.h"
#include "engine/engine.h"

namespace assay::compare {

struct DepthRequest {
  std::string engine = "fast";                     ///< all three are of this kind
  engine::EngineOptions options;                   ///< a context_length of 0: as long as the longest text
  std::vector<std::vector<std::int32_t>> texts;    ///< each is a sequence of its own
  std::size_t kept_bytes = std::size_t{64} << 20;  ///< for the values of a piece; it sets how many tokens a piece has
  std::function<void(std::size_t tokens)> on_progress;  ///< after every piece; may be empty
};

struct Depth {
  std::vector<TapDrift> taps;  ///< in the plan's order
  Growth growth;
};

/// Throws what engines throw, and Error{usage} when there are no tokens. The figures do not depend on kept_bytes.
Depth compare_depth(const PlanPair& pair, const DepthRequest& request);

}  // namespace assay::compare

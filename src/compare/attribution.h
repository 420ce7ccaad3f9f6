// Attribution of a flip: which tensors, put back to the reference's precision, make the candidate say the reference's
// token again. Every figure is a real run over the tokens before the flip (put_back.h says which groups are run).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/plan_pair.h"
#include "engine/engine.h"

namespace assay::compare {

struct AttributionRequest {
  std::string engine = "fast";
  engine::EngineOptions options;                                    ///< a context_length of 0: as long as the tokens
  std::span<const std::int32_t> tokens;                             ///< up to the flip, whose token they predict
  std::int32_t reference_token = 0;                                 ///< what the reference says there
  std::size_t single_tensors = 8;                                   ///< run alone, besides those outside the layers
  std::function<void(std::size_t done, std::size_t total)> on_run;  ///< may be empty
};

/// Single tensors first, most to blame first. Throws what engines throw, and Error{usage} when there are no tokens.
std::vector<Attribution> attribute(const PlanPair& pair, const AttributionRequest& request);

}  // namespace assay::compare

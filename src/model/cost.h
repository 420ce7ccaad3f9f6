// What one token costs at least, whatever the engine: the floors under speed. Decoding reads every matrix once a token,
// so bytes bound it; a prompt uses every matrix for many tokens, so multiplications bound it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/plan.h"

namespace assay::model {

struct TokenCost {
  std::uint64_t weight_bytes = 0;        ///< matrices and norms, and the token's row of the embedding
  std::uint64_t cache_values = 0;        ///< keys and values that attention reads
  std::uint64_t quantized_products = 0;  ///< multiply-adds with weights of quantized types
  std::uint64_t float_products = 0;      ///< the same with float weights, and attention's
};

/// Of a token at `position`, which sees as many positions before it. `with_logits`: its logits are asked for.
TokenCost token_cost(const Plan& plan, std::size_t position, bool with_logits);

}  // namespace assay::model

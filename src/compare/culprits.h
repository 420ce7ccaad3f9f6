// Which tensors cost a candidate its divergence on a text: tensors are put back to the reference's precision, a group
// at a time, and the mean KL over the text's chunks is measured again (put_back.h says which groups are run).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "compare/chunks.h"
#include "compare/comparison.h"
#include "compare/plan_pair.h"
#include "engine/engine.h"

namespace assay::compare {

struct CulpritRequest {
  std::string engine = "fast";
  engine::EngineOptions options;
  const Chunks* chunks = nullptr;
  std::size_t single_tensors = 8;  ///< run alone, besides those outside the layers
  /// Runs done, and how many there will be at most (0: not known yet). After every chunk and every run; what it throws
  /// ends the search. May be empty.
  std::function<void(std::size_t done, std::size_t total)> on_run;
};

struct Culprits {
  double kl = 0;  ///< mean KL of the candidate as it is, on the same chunks
  std::vector<Culprit> groups;
};

/// Single tensors first, then the worst together, kinds, and layers; each most to blame first. Throws what
/// compare_text() throws.
Culprits find_culprits(const PlanPair& pair, const CulpritRequest& request);

}  // namespace assay::compare

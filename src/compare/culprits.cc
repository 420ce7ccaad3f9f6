#include "compare/culprits.h"

#include <limits>

#include "compare/put_back.h"
#include "compare/text.h"

namespace assay::compare {

std::vector<Culprit> find_culprits(const PlanPair& pair, const CulpritRequest& request) {
  const auto mean_kl = [&](const model::Plan& plan) {
    TextRequest text;
    text.engine = request.engine;
    text.options = request.options;
    text.chunks = request.chunks;
    text.reference = &pair.reference();
    text.candidates = {&plan};
    const CandidateText found = compare_text(text).candidates.front();
    return found.failure.empty() ? found.result.kl.mean.mean : std::numeric_limits<double>::infinity();
  };
  const double kl = mean_kl(pair.candidate());
  PutBackRequest search;
  search.reference_score = 0;
  search.candidate_score = -kl;
  search.score = [&](const model::Plan& plan) { return -mean_kl(plan); };
  search.is_enough = [](double) { return false; };
  search.single_tensors = request.single_tensors;
  search.on_run = request.on_run;
  std::vector<Culprit> culprits;
  for (const PutBack& group : put_back_groups(pair, search)) {
    culprits.push_back({group.kind, group.name, tensor_names(pair, group.weights), -group.score,
                        kl > 0 ? (kl + group.score) / kl : 0});
  }
  return culprits;
}

}  // namespace assay::compare

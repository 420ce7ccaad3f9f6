#include "compare/culprits.h"

#include <limits>
#include <span>

#include "compare/put_back.h"
#include "compare/text.h"

namespace assay::compare {
namespace {

/// A search by mean KL, which ends with everything put back.
class CulpritSearch {
 public:
  CulpritSearch(const PlanPair& pair, const CulpritRequest& request) : pair_(pair), request_(request) {}

  Culprits run() {
    const double kl = mean_kl({&pair_.candidate()}).front();
    PutBackRequest search;
    search.reference_score = 0;
    search.candidate_score = -kl;
    search.score = [&](std::span<const model::Plan> plans) {
      std::vector<const model::Plan*> candidates;
      for (const model::Plan& plan : plans) candidates.push_back(&plan);
      std::vector<double> scores;
      for (const double each : mean_kl(candidates)) scores.push_back(-each);
      return scores;
    };
    search.single_tensors = request_.single_tensors;
    search.on_run = [&](std::size_t done, std::size_t total) {
      done_ = done;
      total_ = total;
      report();
    };
    Culprits culprits{kl, {}};
    for (const PutBack& group : put_back_groups(pair_, search)) {
      culprits.groups.push_back({group.kind, group.name, tensor_names(pair_, group.weights), -group.score,
                                 kl > 0 ? (kl + group.score) / kl : 0});
    }
    return culprits;
  }

 private:
  void report() const {
    if (request_.on_run) request_.on_run(done_, total_);
  }

  /// Infinite where logits are not finite.
  std::vector<double> mean_kl(const std::vector<const model::Plan*>& candidates) const {
    TextRequest text;
    text.engine = request_.engine;
    text.options = request_.options;
    text.chunks = request_.chunks;
    text.reference = &pair_.reference();
    text.candidates = candidates;
    text.on_chunk = [&](std::size_t, std::span<const double>) { report(); };
    std::vector<double> means;
    for (const CandidateText& found : compare_text(text).candidates) {
      means.push_back(found.failure.empty() ? found.result.kl.mean.mean : std::numeric_limits<double>::infinity());
    }
    return means;
  }

  const PlanPair& pair_;
  const CulpritRequest& request_;
  std::size_t done_ = 0;
  std::size_t total_ = 0;
};

}  // namespace

Culprits find_culprits(const PlanPair& pair, const CulpritRequest& request) {
  return CulpritSearch(pair, request).run();
}

}  // namespace assay::compare

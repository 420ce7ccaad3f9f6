#include "compare/attribution.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "compare/put_back.h"

namespace assay::compare {
namespace {

/// The token's logit minus the best other, behind the tokens.
double margin(const model::Plan& plan, const AttributionRequest& request) {
  constexpr std::size_t kPieceTokens = 512;
  engine::EngineOptions options = request.options;
  if (options.context_length == 0) options.context_length = request.tokens.size();
  const auto engine = engine::make_engine(request.engine, plan, options);
  const engine::SequenceId sequence = engine->add_sequence();
  std::vector<engine::TokenInput> batch;
  for (std::size_t i = 0; i < request.tokens.size(); ++i) {
    const bool is_last = i + 1 == request.tokens.size();
    batch.push_back({request.tokens[i], sequence, is_last});
    if (batch.size() < kPieceTokens && !is_last) continue;
    engine->evaluate(batch);
    batch.clear();
  }
  const engine::Rows logits = engine->logits();
  const auto token = static_cast<std::size_t>(request.reference_token);
  double best_other = -std::numeric_limits<double>::infinity();
  for (std::size_t other = 0; other < logits.width; ++other) {
    if (other != token) best_other = std::max(best_other, logits.at(0, other));
  }
  return logits.at(0, token) - best_other;
}

}  // namespace

std::vector<Attribution> attribute(const PlanPair& pair, const AttributionRequest& request) {
  if (request.tokens.empty()) throw Error(ErrorKind::usage, "a flip needs tokens before it");
  PutBackRequest search;
  search.score = [&](std::span<const model::Plan> plans) {
    std::vector<double> margins;
    for (const model::Plan& plan : plans) margins.push_back(margin(plan, request));
    return margins;
  };
  search.reference_score = margin(pair.reference(), request);
  search.candidate_score = margin(pair.candidate(), request);
  search.is_enough = [](double score) { return score > 0; };
  search.single_tensors = request.single_tensors;
  search.on_run = request.on_run;
  std::vector<Attribution> found;
  for (const PutBack& group : put_back_groups(pair, search)) {
    found.push_back(
        {group.kind, group.name, tensor_names(pair, group.weights), group.estimate, group.score, group.score > 0});
  }
  return found;
}

}  // namespace assay::compare

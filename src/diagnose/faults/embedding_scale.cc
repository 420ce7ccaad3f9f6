#include <algorithm>
#include <cmath>
#include <variant>
#include <vector>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/solve.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

/// Whether the step reads an embedding.
bool is_embedding(const Site& site) {
  const auto& steps = site.plan().steps;
  return std::any_of(steps.begin(), steps.end(), [&](const model::Step& step) {
    return step.output == site.step().inputs[0] && std::holds_alternative<model::Embed>(step.operation);
  });
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const double root = std::sqrt(static_cast<double>(site.hyper_parameters().embedding_length));
  std::vector<Usual> factors;
  if (site.operation<model::Embed>() != nullptr) {
    factors = {{root, "sqrt(n_embd)"}, {1 / root, "1/sqrt(n_embd)"}};
  } else if (const auto* scale = site.operation<model::Scale>(); scale != nullptr && is_embedding(site)) {
    factors = {
        {1 / scale->factor, "left out"}, {scale->factor, "twice"}, {1 / (scale->factor * scale->factor), "inverse"}};
  }
  for (const Usual& factor : factors) {
    hypotheses.push_back(
        {{{"factor", factor.text}}, [value = factor.value](const Site& here) { return times(here.exact(), value); }});
  }
}

}  // namespace

const Fault kEmbeddingScale = {"embedding_scale",
                               "scales embeddings where it should not, or not as it should",
                               "Multiply embeddings by sqrt(n_embd) in gemma and by nothing in llama and qwen.",
                               "chrishayuk/larql#253 antonellof/ferrox#186 OpenNMT/CTranslate2#1882 mattn/tensai#248",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose

#include <algorithm>
#include <cmath>

#include "base/math.h"
#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// Softmax of every column over rows that were computed together.
void weigh_columns(Matrix& scores, std::size_t begin, std::size_t end) {
  for (std::size_t j = 0; j < scores.width; ++j) {
    double max = -INFINITY;
    for (std::size_t i = begin; i < end; ++i) max = std::max(max, scores.row(i)[j]);
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) {
      double& score = scores.row(i)[j];
      score = std::isinf(score) ? 0 : portable_exp(score - max);
      sum += score;
    }
    for (std::size_t i = begin; i < end && sum > 0; ++i) scores.row(i)[j] /= sum;
  }
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Attention>() == nullptr || site.passage.tokens.size() < 2) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Look look(here);
                          look.weigh = [prompt = here.passage.prompt_tokens](Matrix& scores) {
                            weigh_columns(scores, 0, prompt);
                            for (std::size_t i = prompt; i < scores.rows; ++i) weigh_columns(scores, i, i + 1);
                          };
                          return attend(here, look);
                        }});
  if (!has_decoded(site.passage)) return;
  hypotheses.push_back({{{"batch", "the whole passage"}}, [](const Site& here) {
                          Look look(here);
                          look.weigh = [](Matrix& scores) { weigh_columns(scores, 0, scores.rows); };
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kAttentionSoftmaxAxis = {
    "attention_softmax_axis",
    "normalises attention weights over the queries of a batch where it should over the keys",
    "Take the softmax over the axis of the keys, the last one of [heads, queries, keys].",
    "FudanNLP/fastNLP#254 labmlai/annotated_deep_learning_paper_implementations#146 "
    "nerdai/llms-from-scratch-rs#30",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

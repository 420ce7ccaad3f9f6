#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// Channels first for heads first.
Matrix transposed(const Matrix& right, std::size_t heads, std::size_t channels) {
  Matrix output(right.rows, right.width);
  for (std::size_t i = 0; i < right.rows; ++i) {
    for (std::size_t head = 0; head < heads; ++head) {
      for (std::size_t c = 0; c < channels; ++c) output.row(i)[c * heads + head] = right.row(i)[head * channels + c];
    }
  }
  return output;
}

/// [heads, tokens, channels] of the prompt read as [tokens, heads, channels].
Matrix heads_first(const Matrix& right, std::size_t heads, std::size_t channels, std::size_t tokens) {
  Matrix output = right;
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t token = 0; token < tokens; ++token) {
      for (std::size_t c = 0; c < channels; ++c) {
        output.values[(head * tokens + token) * channels + c] = right.row(token)[head * channels + c];
      }
    }
  }
  return output;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->heads == 1) return;
  if (attention->value_width > 1) {
    hypotheses.push_back({{}, [](const Site& here) {
                            const auto& own = *here.operation<model::Attention>();
                            return transposed(here.exact(), own.heads, own.value_width);
                          }});
  }
  if (site.passage.prompt_tokens < 2) return;
  hypotheses.push_back({{{"order", "heads, tokens, channels"}}, [](const Site& here) {
                          const auto& own = *here.operation<model::Attention>();
                          return heads_first(here.exact(), own.heads, own.value_width, here.passage.prompt_tokens);
                        }});
}

}  // namespace

const Fault kAttentionOutputLayout = {
    "attention_output_layout",
    "puts the outputs of the heads together in the wrong order: axes of heads, tokens or channels are not "
    "transposed back",
    "Bring the output to [tokens, heads, channels] before it is read as [tokens, heads * channels].",
    "jsbaan/transformer-from-scratch#6 ajhalthor/Transformer-Neural-Network#4",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

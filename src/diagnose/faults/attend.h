// Attention that looks elsewhere than the plan's: other keys seen, other heads, scales or inputs.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// How a step attends: as the plan says until something is changed. Rows are the tokens of the passage in order.
struct Look {
  /// The step is an Attention; what a fault before has changed in it stays changed.
  explicit Look(const Site& here);

  const Matrix* q;
  const Matrix* k;
  const Matrix* v;
  model::Attention attention;
  /// Whether a row sees a key.
  std::function<bool(std::size_t row, std::size_t key)> sees;
  /// The key/value head of a query head.
  std::function<std::size_t(std::size_t head)> key_head;
  std::function<std::size_t(std::size_t head)> value_head;
  /// Makes weights [rows, keys] of scores, which are -infinity where a row does not see a key; empty: softmax.
  std::function<void(Matrix& scores)> weigh;
  std::vector<double> sinks;  ///< [heads], or empty; only the softmax has a place for them
};

/// Softmax of every row, with one more score that all rows have.
void softmax(Matrix& scores, double sink = -std::numeric_limits<double>::infinity());

Matrix attend(const Site& here, const Look& look);
/// The same with other numbers.
Matrix attend(const Site& here, const Look& look, const model::Attention& attention);

/// Whether the passage has tokens that were decoded after a prompt.
inline bool has_decoded(const Passage& passage) {
  return passage.prompt_tokens > 0 && passage.prompt_tokens < passage.tokens.size();
}

/// Whether a row sees a key, in words that hold for any layer.
using SeesOf =
    std::function<bool(const Passage& passage, std::size_t row, std::size_t key, const model::Attention& attention)>;

/// Appends attention with other keys seen, unless the step is no Attention or all its rows see what they should.
void propose_seen(const Site& site, std::vector<Parameter> parameters, const SeesOf& sees,
                  std::vector<Hypothesis>& hypotheses);

/// What the plan's attention sees.
bool sees_rightly(const model::Attention& attention, std::size_t row, std::size_t key);

}  // namespace assay::diagnose

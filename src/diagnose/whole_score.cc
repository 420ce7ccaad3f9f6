#include "diagnose/whole_score.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/observation.h"

namespace assay::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Score score_ids(const Outside& outside, const Matrix& logits) {
  Score score;
  for (std::size_t i = 0; i < outside.chosen.size(); ++i) {
    const double* row = logits.row(outside.first_chosen + i);
    const double* end = row + logits.width;
    const double* best = std::max_element(row, end);
    double sum = 0;
    for (const double* x = row; x != end; ++x) sum += std::exp(*x - *best);
    score.residual += (std::log(sum) - (row[outside.chosen[i]] - *best)) / std::log(2.0);
    // Of equal ones engines take the first: a row without any difference reproduces nothing but that.
    score.reproduced += best - row == outside.chosen[i] ? 1 : 0;
  }
  score.residual /= static_cast<double>(outside.chosen.size());
  return score;
}

}  // namespace

bool is_better(const Score& a, const Score& b) {
  return a.reproduced != b.reproduced ? a.reproduced > b.reproduced : a.residual < b.residual;
}

Score score(const Outside& outside, const Matrix& logits) {
  Score score = outside.logits != nullptr ? Score{residual(*outside.logits, logits), 0} : score_ids(outside, logits);
  if (std::isnan(score.residual) || (outside.logits == nullptr && !std::isfinite(score.residual))) {
    score.residual = kInfinity;
  }
  return score;
}

trace::ForeignTap said_of_first(const trace::ForeignTap& logits, std::size_t tokens) {
  trace::ForeignTap said = logits;
  const std::size_t width = logits.rows.empty() ? 0 : logits.values.size() / logits.rows.size();
  said.rows.erase(std::lower_bound(said.rows.begin(), said.rows.end(), tokens), said.rows.end());
  said.values.resize(said.rows.size() * width);
  said.facts.erase(
      std::remove_if(said.facts.begin(), said.facts.end(), [&](const trace::Fact& fact) { return fact.row >= tokens; }),
      said.facts.end());
  return said;
}

}  // namespace assay::diagnose

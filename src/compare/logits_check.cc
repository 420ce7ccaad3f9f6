#include "compare/logits_check.h"

#include <cmath>

#include <fmt/format.h>

#include "model/weight_health.h"

namespace assay::compare {

void check_vocabulary(const model::Plan& reference, const model::Plan& candidate, std::size_t number) {
  if (candidate.vocabulary == reference.vocabulary) return;
  throw Error(ErrorKind::input,
              fmt::format("candidate {} has logits for {} tokens, the reference for {}", number, candidate.vocabulary,
                          reference.vocabulary),
              "Only models with the same vocabulary can be compared.");
}

bool is_finite(const engine::Rows& logits, std::size_t row) {
  for (std::size_t token = 0; token < logits.width; ++token) {
    if (!std::isfinite(logits.at(row, token))) return false;
  }
  return true;
}

std::string non_finite_logits(const model::Plan& plan, std::string_view where) {
  const auto weight = model::find_non_finite_weight(plan);
  return fmt::format("{}: the logits are not finite{}{}", where, weight ? "; " : "", weight.value_or(""));
}

Error non_finite_reference(const model::Plan& plan, std::string_view where) {
  return {ErrorKind::input, "the reference, " + non_finite_logits(plan, where),
          "The file is damaged or was converted badly; `assay inspect MODEL --stats` shows such tensors."};
}

}  // namespace assay::compare

#include "compare/distribution.h"

#include <algorithm>

#include "base/math.h"

namespace assay::compare {
namespace {

template <typename Logit>
double log_sum_exp(const Logit* logits, std::size_t count) {
  const double top = *std::max_element(logits, logits + count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += portable_exp(static_cast<double>(logits[i]) - top);
  return top + portable_log(sum);
}

}  // namespace

double log_sum_exp(const engine::Rows& logits, std::size_t row) {
  const std::size_t begin = row * logits.width;
  return logits.f64 != nullptr ? log_sum_exp(logits.f64 + begin, logits.width)
                               : log_sum_exp(logits.f32 + begin, logits.width);
}

}  // namespace assay::compare

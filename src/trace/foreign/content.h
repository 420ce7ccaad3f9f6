// Decides by the values what names and shapes leave open: how well rows of a dump fit ours. Correlation, because it
// does not mind a wrong scale; without the first row, which looks alike before and after many a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/plan.h"
#include "trace/foreign/foreign_trace.h"
#include "trace/foreign/head_order.h"
#include "trace/foreign/layout.h"

namespace assay::trace {

/// Pearson's, of the pairs that are finite; 0 where they do not vary.
double correlation(std::span<const double> a, std::span<const double> b);

/// Between 0 and 1, from the best correlation and the next best one: high when the best is near 1 and leaves far less
/// unexplained than the other.
double confidence(double best, double second);

inline constexpr double kGoodFit = 0.9;

/// Rows of a dump as somebody takes them to lie.
struct View {
  std::span<const double> values;  ///< the whole array
  const Layout* layout;
  std::size_t first_token;            ///< of the layout's first row
  const HeadShape* turned = nullptr;  ///< taken to be in the other order of channels
};

class Content {
 public:
  Content(const ReferenceValues& reference, std::span<const std::int32_t> tokens)
      : reference_(reference), tokens_(tokens) {}

  /// Whether there is anything to compare with.
  bool is_there() const { return reference_ != nullptr && !tokens_.empty(); }

  /// Correlation with our rows of the value; 0 without ours.
  double fit(const View& view, model::ValueId value, std::size_t width) const;

 private:
  const ReferenceValues& reference_;
  std::span<const std::int32_t> tokens_;
};

}  // namespace assay::trace

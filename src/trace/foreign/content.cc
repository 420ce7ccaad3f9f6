#include "trace/foreign/content.h"

#include <algorithm>
#include <cmath>

namespace assay::trace {
namespace {

// Pairs that are looked at; more would tell no more.
constexpr std::size_t kMaxPairs = 1 << 13;

}  // namespace

double correlation(std::span<const double> a, std::span<const double> b) {
  double count = 0, sum_a = 0, sum_b = 0;
  const auto is_pair = [&](std::size_t i) { return std::isfinite(a[i]) && std::isfinite(b[i]); };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!is_pair(i)) continue;
    ++count;
    sum_a += a[i];
    sum_b += b[i];
  }
  if (count < 2) return 0;
  const double mean_a = sum_a / count;
  const double mean_b = sum_b / count;
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!is_pair(i)) continue;
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  const double product = std::sqrt(aa) * std::sqrt(bb);
  return product > 0 && std::isfinite(product) ? ab / product : 0;
}

double confidence(double best, double second) {
  constexpr double kAlike = 1e-12;  // two that fit this well cannot be told apart
  if (!(best > 0)) return 0;
  return best * (1 - std::min(1.0, (1 - best + kAlike) / (1 - std::max(second, 0.0) + kAlike)));
}

double Content::fit(const View& view, model::ValueId value, std::size_t width) const {
  if (!is_there()) return 0;
  const std::span<const double> ours = reference_(tokens_, value);
  const Layout& layout = *view.layout;
  const std::size_t first = layout.rows > 1 && view.first_token == 0 ? 1 : 0;
  // Odd, so that no power of two keeps it in the same channels.
  const std::size_t stride = (layout.rows - first) * width / kMaxPairs | 1U;
  std::vector<double> a;
  std::vector<double> b;
  for (std::size_t i = first * width; i < layout.rows * width; i += stride) {
    const std::size_t channel = i % width;
    const std::size_t our_channel = view.turned == nullptr ? channel : channel_in_our_order(*view.turned, channel);
    const std::size_t place = (view.first_token + i / width) * width + our_channel;
    if (place >= ours.size()) continue;
    a.push_back(view.values[layout.place(i / width, channel)]);
    b.push_back(ours[place]);
  }
  return correlation(a, b);
}

}  // namespace assay::trace

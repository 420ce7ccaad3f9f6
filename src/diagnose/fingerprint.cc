#include "diagnose/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "diagnose/residual_shape.h"

namespace assay::diagnose {
namespace {

/// What is the same within float32's rounding, and within that of what the dump stores.
double same(gguf::Dtype dtype, double rounding) {
  constexpr double kSmall = 1e-4;
  const double stored = dtype == gguf::Dtype::bf16 ? 0x1p-7 : dtype == gguf::Dtype::f16 ? 0x1p-10 : 0;
  return std::max({kSmall, stored, 2 * rounding});
}

std::string non_finite(const std::vector<RowPair>& rows, std::size_t width) {
  constexpr double kLargestHalf = 65504;
  for (const RowPair& pair : rows) {
    for (std::size_t c = 0; c < width; ++c) {
      if (std::isfinite(pair.given[c]) || !std::isfinite(pair.computed[c])) continue;
      const bool is_too_large = std::abs(pair.computed[c]) > kLargestHalf;
      return fmt::format("first {} at token {}, channel {}, where the exact value is {:.6g}{}",
                         std::isnan(pair.given[c]) ? "NaN" : "infinity", pair.row, c, pair.computed[c],
                         is_too_large ? ", more than float16 can hold" : "");
    }
  }
  return "";
}

bool is_finite(const RowPair& pair, std::size_t width) {
  for (std::size_t c = 0; c < width; ++c) {
    if (!std::isfinite(pair.given[c]) || !std::isfinite(pair.computed[c])) return false;
  }
  return true;
}

/// Which rows are wrong, when it is not all of them.
std::string where(const std::vector<RowPair>& all, const std::vector<RowPair>& wrong) {
  if (wrong.empty() || wrong.size() == all.size()) return "";
  if (wrong.size() == 1) return fmt::format("only token {} is wrong", wrong.front().row);
  const bool is_rest = all[all.size() - wrong.size()].row == wrong.front().row;
  if (is_rest) return fmt::format("wrong from token {} on, right before", wrong.front().row);
  return fmt::format("{} of {} tokens are wrong, the first is {}", wrong.size(), all.size(), wrong.front().row);
}

}  // namespace

std::string fingerprint(const trace::ForeignTap& given, const Matrix& computed, std::size_t head_width,
                        double rounding) {
  if (given.values.empty()) return "";
  const std::size_t width = computed.width;
  std::vector<RowPair> all;
  for (std::size_t i = 0; i < given.rows.size(); ++i) {
    const std::size_t row = given.rows[i];
    all.push_back(
        {row, given.values.data() + i * width, computed.row(row), row == 0 ? nullptr : computed.row(row - 1)});
  }
  if (std::string text = non_finite(all, width); !text.empty()) return text;
  std::erase_if(all, [&](const RowPair& pair) { return !is_finite(pair, width); });

  double worst = 0;
  for (const RowPair& pair : all) worst = std::max(worst, relative_difference(pair, width));
  // A shape must explain most of what is wrong: within its own size any residual has every shape.
  Residual residual{{}, width, head_width, std::min(same(given.dtype, rounding), worst / 3)};
  // Beside a row that is all wrong, one is right that differs by a hundredth of it.
  const double right = std::max(residual.same, std::min(worst / 100, 0.01));
  for (const RowPair& pair : all) {
    if (relative_difference(pair, width) > right) residual.rows.push_back(pair);
  }
  const std::string place = where(all, residual.rows);
  const std::string shape = shape_of(residual);
  if (shape.empty() || place.empty()) return shape + place;
  return place + "; " + shape;
}

}  // namespace assay::diagnose

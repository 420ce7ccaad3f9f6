#include "quant/grid_search.h"

#include <algorithm>
#include <cmath>

namespace assay::quant {
namespace {

/// What a group is searched with.
struct Group {
  float x[32];  ///< magnitudes; negative where a sign had to be given up
  float weight[32];
  float root[32];  ///< of the weight
  int values;
};

/// Digits of a whole group, and which of its entries they are.
struct Digits {
  std::uint8_t digit[32] = {};
  bool is_entry[8] = {};
};

std::uint8_t digit_of(float value, float inverse, int levels) {
  return static_cast<std::uint8_t>(std::clamp(nearest_int(0.5F * (inverse * value - 1.0F)), 0, levels - 1));
}

/// Digits that are no entry become those of the near entry with the smallest weighted error.
void take_near_entry(const GridDigits& grid, const float* x, const float* root, float scale, std::uint8_t* digits) {
  float least = std::numeric_limits<float>::max();
  const std::span<const std::uint16_t> near = grid.near(digits);
  int best = near.front();
  for (const int entry : near) {
    const GridDigits::Row& row = grid.digits(entry);
    float error = 0;
    for (int i = 0; i < grid.values(); ++i) {
      const float difference = scale * static_cast<float>(2 * row[static_cast<std::size_t>(i)] + 1) - x[i];
      error += root[i] * difference * difference;
    }
    if (error < least) {
      least = error;
      best = entry;
    }
  }
  std::copy_n(grid.digits(best).begin(), grid.values(), digits);
}

/// The entry at values `first` on, for a scale and its inverse.
void choose_entry(const GridDigits& grid, const Group& group, int first, float scale, float inverse, Digits& digits) {
  std::uint8_t* digit = digits.digit + first;
  for (int i = 0; i < grid.values(); ++i) digit[i] = digit_of(group.x[first + i], inverse, grid.levels());
  bool& is_entry = digits.is_entry[first / grid.values()];
  is_entry = grid.find(digit) >= 0;
  if (!is_entry) take_near_entry(grid, group.x + first, group.root + first, scale, digit);
}

struct Fit {
  float products = 0, squares = 0;
};
Fit fit(const Group& group, const Digits& digits) {
  Fit sums;
  for (int i = 0; i < group.values; ++i) {
    const auto q = static_cast<float>(2 * digits.digit[i] + 1);
    sums.products += group.weight[i] * group.x[i] * q;
    sums.squares += group.weight[i] * q * q;
  }
  return sums;
}

/// The scale of a group that is something, and its digits. `reach` is what the largest digit stands for at first.
float search_group(const GridDigits& grid, const Group& group, const GridRule& rule, float reach, float scale,
                   Digits& chosen) {
  const auto most = static_cast<float>(2 * grid.levels() - 1);
  float best = 0;
  std::fill_n(chosen.is_entry, 8, rule.refit == GridRule::Refit::off_grid);
  for (int step = -rule.steps; step <= rule.steps; ++step) {
    const float inverse = (most + static_cast<float>(step) * rule.step) / reach;
    Digits digits;
    for (int first = 0; first < group.values; first += grid.values())
      choose_entry(grid, group, first, 1.0F / inverse, inverse, digits);
    const auto [products, squares] = fit(group, digits);
    if (squares > 0 && products * products > best * squares) {
      scale = products / squares;
      best = scale * products;
      chosen = digits;
    }
  }
  const int entries = group.values / grid.values();
  const bool is_off_grid = !std::all_of(chosen.is_entry, chosen.is_entry + entries, [](bool is) { return is; });
  if (scale > 0 && (is_off_grid || rule.refit == GridRule::Refit::all)) {
    for (int i = 0; i < entries; ++i) {
      if (chosen.is_entry[i] && rule.refit == GridRule::Refit::off_grid) continue;
      choose_entry(grid, group, i * grid.values(), scale, 1.0F / scale, chosen);
    }
    const auto [products, squares] = fit(group, chosen);
    if (squares > 0) scale = products / squares;
  }
  return scale;
}

/// Magnitudes and signs of eight values. Where the number of minuses must be even, the value whose sign costs least
/// keeps none.
std::uint8_t take_signs(const float* x, const float* weight, bool is_even, float* magnitudes) {
  unsigned signs = 0;
  int minuses = 0;
  for (int i = 0; i < 8; ++i) {
    const bool is_plus = x[i] >= 0;
    magnitudes[i] = is_plus ? x[i] : -x[i];
    signs |= is_plus ? 0U : 1U << i;
    minuses += is_plus ? 0 : 1;
  }
  if (is_even && minuses % 2 != 0) {
    const auto cost = [&](int i) { return weight[i] * x[i] * x[i]; };
    int cheapest = 0;
    for (int i = 1; i < 8; ++i) cheapest = cost(i) < cost(cheapest) ? i : cheapest;
    magnitudes[cheapest] = -magnitudes[cheapest];
    signs ^= 1U << cheapest;
  }
  return static_cast<std::uint8_t>(signs);
}

void weigh(const float* x, const float* importance, float variance, const GridRule& rule, Group& group) {
  if (importance != nullptr) {
    importance_weights(x, importance, variance, static_cast<std::size_t>(group.values), group.weight);
  } else {
    for (int i = 0; i < group.values; ++i) group.weight[i] = rule.plain_share * variance + x[i] * x[i];
  }
  for (int i = 0; i < group.values; ++i) group.root[i] = std::sqrt(group.weight[i]);
}

}  // namespace

void GridDigits::number_digits() {
  // The magnitudes of a codebook, sorted by their signed bytes: the type of one value is a digit for each.
  std::vector<int> magnitudes;
  for (const Row& row : entries_)
    for (int i = 0; i < values_; ++i) magnitudes.push_back(static_cast<std::int8_t>(row[static_cast<std::size_t>(i)]));
  std::sort(magnitudes.begin(), magnitudes.end());
  magnitudes.erase(std::unique(magnitudes.begin(), magnitudes.end()), magnitudes.end());
  levels_ = static_cast<int>(magnitudes.size());
  for (Row& row : entries_) {
    for (int i = 0; i < values_; ++i) {
      std::uint8_t& value = row[static_cast<std::size_t>(i)];
      const auto found = std::lower_bound(magnitudes.begin(), magnitudes.end(), static_cast<std::int8_t>(value));
      value = static_cast<std::uint8_t>(found - magnitudes.begin());
    }
  }
}

void GridDigits::find_neighbours(int rings) {
  std::size_t codes = 1;
  for (int i = 0; i < values_; ++i) codes *= static_cast<std::size_t>(levels_);
  entry_of_.assign(codes, -1);
  for (std::size_t entry = 0; entry < entries_.size(); ++entry)
    entry_of_[code_of(entries_[entry].data())] = static_cast<int>(entry);
  std::vector<std::vector<std::uint16_t>> by_distance(
      static_cast<std::size_t>(values_ * (levels_ - 1) * (levels_ - 1) + 1));
  Row row = {};
  for (std::size_t code = 0; code < codes; ++code) {
    near_begin_.push_back(static_cast<std::uint32_t>(near_.size()));
    if (entry_of_[code] >= 0) continue;
    for (std::size_t i = 0, rest = code; i < static_cast<std::size_t>(values_); ++i) {
      row[i] = static_cast<std::uint8_t>(rest % static_cast<std::size_t>(levels_));
      rest /= static_cast<std::size_t>(levels_);
    }
    for (std::size_t entry = 0; entry < entries_.size(); ++entry) {
      int distance = 0;
      for (std::size_t i = 0; i < kMostValues; ++i) {
        const int difference = entries_[entry][i] - row[i];
        distance += difference * difference;
      }
      by_distance[static_cast<std::size_t>(distance)].push_back(static_cast<std::uint16_t>(entry));
    }
    int taken = 0;
    for (std::vector<std::uint16_t>& ring : by_distance) {
      if (!ring.empty() && taken++ < rings) near_.insert(near_.end(), ring.begin(), ring.end());
      ring.clear();
    }
  }
  near_begin_.push_back(static_cast<std::uint32_t>(near_.size()));
}

GridBlock encode_grid_block(const float* x, const float* importance, const GridDigits& digits, const GridRule& rule) {
  GridBlock block;
  const float variance = rule.variance * sum_of_squares(x, 256) / 256.0F;
  float scales[16] = {};
  float largest = 0;
  Group group;
  group.values = rule.group_values;
  for (int number = 0; number < 256 / group.values; ++number) {
    const int first = number * group.values;
    weigh(x + first, importance != nullptr ? importance + first : nullptr, variance, rule, group);
    std::uint8_t signs[4];
    for (int i = 0; i < group.values; i += 8)
      signs[i / 8] = take_signs(x + first + i, group.weight + i, rule.has_seven_signs, group.x + i);
    float reach = *std::max_element(group.x, group.x + group.values);
    if (!(reach >= rule.least)) continue;
    float scale = reach / static_cast<float>(2 * digits.levels() - 1);
    Digits chosen;
    if (rule.starts_fitted) {
      std::uint8_t quant[32];
      scale = search_positive<32>(group.x, group.weight, digits.levels() + 1, quant);
      reach = scale * static_cast<float>(digits.levels());
      if (!(reach > 0)) continue;
    }
    scale = search_group(digits, group, rule, reach, scale, chosen);
    for (int i = 0; i < group.values; i += 8)
      block.signs[(first + i) / 8] = static_cast<std::uint8_t>(scale < 0 ? ~signs[i / 8] : signs[i / 8]);
    for (int i = 0; i < group.values; i += digits.values())
      block.entry[(first + i) / digits.values()] = static_cast<std::uint16_t>(digits.find(chosen.digit + i));
    scales[number] = absolute(scale);
    largest = std::max(largest, scales[number]);
  }
  if (!(largest > 0)) return block;
  const float d = largest / 31.0F;
  block.d = d * rule.factor;
  for (int number = 0; number < 256 / group.values; ++number)
    block.scale[number] = digit_of(scales[number], 1.0F / d, 16);
  return block;
}

}  // namespace assay::quant

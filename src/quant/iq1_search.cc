#include "quant/iq1_search.h"

#include <algorithm>

namespace assay::quant {
namespace {

/// What digits 0, 1 and 2 stand for: above the codebook's values, and below them.
constexpr float kLevels[2][3] = {{-0.875F, 0.125F, 1.125F}, {-1.125F, -0.125F, 0.875F}};

/// One group. Two halves may be shifted by themselves.
struct Group {
  const float* x;
  int values;
  float weight[32];
  int order[32];  ///< indices of ascending values
};

struct Split {
  float scale = 0;
  std::uint8_t digit[32] = {};
  bool is_down[2] = {};
};

const float* levels_of(const Group& group, const Split& split, int i) {
  return kLevels[split.is_down[2 * i / group.values] ? 1 : 0];
}

struct Fit {
  float products = 0, squares = 0;
};

/// The best fit so far, and where its runs begin.
struct Best {
  float scale = 0;
  float score = -std::numeric_limits<float>::max();
  int first = -1, second = 0;
  int shifts = 0;  ///< bit 1: the first half is down, bit 0: the second half is

  void consider(Fit fit, int begin, int end, int which) {
    if (!(fit.squares > 0 && fit.products * fit.products > score * fit.squares)) return;
    *this = {fit.products / fit.squares, fit.products / fit.squares * fit.products, begin, end, which};
  }
};

/// Halves share their shift: sums over runs come from sums over beginnings.
Best split_together(const Group& group) {
  float sums_x[33] = {};
  float sums_w[33] = {};
  const int n = group.values;
  for (int j = 0; j < n; ++j) {
    const int i = group.order[j];
    sums_x[j + 1] = sums_x[j] + group.weight[i] * group.x[i];
    sums_w[j + 1] = sums_w[j] + group.weight[i];
  }
  Best best;
  for (int begin = 0; begin <= n; ++begin) {
    for (int end = begin; end <= n; ++end) {
      for (const int down : {0, 1}) {
        const float* q = kLevels[down];
        const auto sum = [&](const float* sums, float a, float b, float c) {
          return (sums[begin] - sums[0]) * a + (sums[end] - sums[begin]) * b + (sums[n] - sums[end]) * c;
        };
        const auto sum_of_squares_of_levels = [&](const float* sums) {
          return (sums[begin] - sums[0]) * q[0] * q[0] + (sums[end] - sums[begin]) * q[1] * q[1] +
                 (sums[n] - sums[end]) * q[2] * q[2];
        };
        best.consider({sum(sums_x, q[0], q[1], q[2]), sum_of_squares_of_levels(sums_w)}, begin, end, 3 * down);
      }
    }
  }
  return best;
}

/// Each half has its shift.
Best split_by_halves(const Group& group) {
  Best best;
  const int n = group.values;
  for (int begin = 0; begin <= n; ++begin) {
    for (int end = begin; end <= n; ++end) {
      Fit fits[4];
      for (int j = 0; j < n; ++j) {
        const int i = group.order[j];
        const int digit = j < begin ? 0 : j < end ? 1 : 2;
        for (int shifts = 0; shifts < 4; ++shifts) {
          const float q = kLevels[i < n / 2 ? shifts >> 1 : shifts & 1][digit];
          fits[shifts].products += group.weight[i] * q * group.x[i];
          fits[shifts].squares += group.weight[i] * q * q;
        }
      }
      for (int shifts = 0; shifts < 4; ++shifts) best.consider(fits[shifts], begin, end, shifts);
    }
  }
  return best;
}

Split split_of(const Group& group, Best best) {
  Split split;
  for (int j = 0; j < group.values; ++j)
    split.digit[group.order[j]] = static_cast<std::uint8_t>(j < best.first ? 0 : j < best.second ? 1 : 2);
  split.scale = best.scale;
  if (best.scale < 0) {
    for (int i = 0; i < group.values; ++i) split.digit[i] = static_cast<std::uint8_t>(2 - split.digit[i]);
    split.scale = -best.scale;
    best.shifts = 3 - best.shifts;
  }
  split.is_down[0] = (best.shifts & 2) != 0;
  split.is_down[1] = (best.shifts & 1) != 0;
  return split;
}

/// The entry for values `first` on: that of the digits, or the near one with the smallest weighted error.
int choose_entry(const Group& group, const Split& split, int first) {
  const GridDigits& grid = iq1_digits();
  const int found = grid.find(split.digit + first);
  if (found >= 0) return found;
  const std::span<const std::uint16_t> near = grid.near(split.digit + first);
  const float* levels = levels_of(group, split, first);
  float least = std::numeric_limits<float>::max();
  int best = near.front();
  for (const int entry : near) {
    float error = 0;
    for (int i = 0; i < 8; ++i) {
      const float difference =
          split.scale * levels[grid.digits(entry)[static_cast<std::size_t>(i)]] - group.x[first + i];
      error += group.weight[first + i] * difference * difference;
    }
    if (error < least) {
      least = error;
      best = entry;
    }
  }
  return best;
}

/// Adds an entry's values, times a factor, to a fit.
void add_entry(const Group& group, const Split& split, int first, int entry, float factor, Fit& fit) {
  const float* levels = levels_of(group, split, first);
  for (int i = 0; i < 8; ++i) {
    const float q = levels[iq1_digits().digits(entry)[static_cast<std::size_t>(i)]] * factor;
    fit.products += group.weight[first + i] * q * group.x[first + i];
    fit.squares += group.weight[first + i] * q * q;
  }
}

/// Chooses the entries; where some are not the digits wanted, the scale is fitted again.
void take_entries(const Group& group, Split& split, std::uint16_t* entries) {
  bool is_on_grid = true;
  Fit fit;
  for (int first = 0; first < group.values; first += 8) {
    is_on_grid = is_on_grid && iq1_digits().find(split.digit + first) >= 0;
    const int entry = choose_entry(group, split, first);
    add_entry(group, split, first, entry, 1, fit);
    entries[first / 8] = static_cast<std::uint16_t>(entry);
  }
  if (!is_on_grid && fit.products > 0 && fit.squares > 0) split.scale = fit.products / fit.squares;
}

Group group_of(const float* x, const float* importance, float variance, int values) {
  Group group;
  group.x = x;
  group.values = values;
  if (importance != nullptr) {
    importance_weights(x, importance, variance, static_cast<std::size_t>(values), group.weight);
  } else {
    for (int i = 0; i < values; ++i) group.weight[i] = x[i] * x[i];
  }
  for (int i = 0; i < values; ++i) {  // equals keep their order
    int at = i;
    for (; at > 0 && x[i] < x[group.order[at - 1]]; --at) group.order[at] = group.order[at - 1];
    group.order[at] = i;
  }
  return group;
}

/// Both types. `least`: groups without a larger magnitude are nothing.
template <int kValues, typename Search, typename Finish>
Iq1Block encode(const float* x, const float* importance, float least, Search search, Finish finish) {
  Iq1Block block;
  constexpr int kGroups = 256 / kValues;
  const float variance = 2.0F * sum_of_squares(x, 256) / 256.0F;
  Group groups[kGroups];
  Split splits[kGroups];
  float largest = 0;
  for (int number = 0; number < kGroups; ++number) {
    const int first = number * kValues;
    Group& group = groups[number];
    group = group_of(x + first, importance != nullptr ? importance + first : nullptr, variance, kValues);
    float magnitude = 0;
    for (int i = 0; i < kValues; ++i) magnitude = std::max(magnitude, absolute(group.x[i]));
    if (!(magnitude >= least)) continue;
    const Best best = search(group);
    if (best.first < 0) continue;
    splits[number] = split_of(group, best);
    take_entries(group, splits[number], block.entry + first / 8);
    largest = std::max(largest, splits[number].scale);
  }
  if (!(largest > 0)) return block;
  block.d = largest / 15.0F;
  const float inverse = 1.0F / block.d;
  for (int number = 0; number < kGroups; ++number) {
    const float field = 0.5F * (inverse * splits[number].scale - 1.0F);
    block.scale[number] = static_cast<std::uint8_t>(std::clamp(nearest_int(field), 0, 7));
    for (int entry = 0; entry < kValues / 8; ++entry)
      block.is_down[number * kValues / 8 + entry] = splits[number].is_down[16 * entry / kValues];
  }
  finish(groups, splits, block);
  return block;
}

}  // namespace

const GridDigits& iq1_digits() {
  static const GridDigits kDigits(kIq1Grid, 3);
  return kDigits;
}

Iq1Block encode_iq1_s_block(const float* x, const float* importance) {
  return encode<32>(x, importance, 1e-12F, split_together,
                    [](const Group*, const Split*, Iq1Block& block) { block.d *= 1.125F; });
}

Iq1Block encode_iq1_m_block(const float* x, const float* importance) {
  return encode<16>(x, importance, 1e-7F, split_by_halves,
                    [](const Group* groups, const Split* splits, Iq1Block& block) {
                      // The scale that fits the whole block.
                      Fit fit;
                      for (int entry = 0; entry < 32; ++entry) {
                        const int group = entry / 2;
                        add_entry(groups[group], splits[group], entry % 2 * 8, block.entry[entry],
                                  static_cast<float>(2 * block.scale[group] + 1), fit);
                      }
                      if (fit.squares > 0) block.d = fit.products / fit.squares;
                      block.d *= 1.1125F;
                    });
}

}  // namespace assay::quant

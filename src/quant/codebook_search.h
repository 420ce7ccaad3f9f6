// The codebook of IQ4_NL and IQ4_XS: sixteen values, denser around zero, and the search for a scale that fits them.
// Only files of this room include it.
#pragma once

#include "quant/search.h"

namespace assay::quant {
namespace {

constexpr std::int8_t kCodebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// The nearest value itself, in four lanes.
inline Lanes codebook_value(Lanes value) {
  Lanes nearest = all<Lanes>(kCodebook[0]);
  for (int i = 0; i < 15; ++i) {
    const float middle = 0.5F * static_cast<float>(kCodebook[i] + kCodebook[i + 1]);
    nearest += select(value < middle, Lanes{}, all<Lanes>(static_cast<float>(kCodebook[i + 1] - kCodebook[i])));
  }
  return nearest;
}

/// x ~ scale * codebook value for groups of 32 values: the extreme value is laid on the codebook's first, and on seven
/// integers to either side of it, and the least squares of each decide.
inline Lanes search_codebook(const Lanes* x, const Lanes* weight) {
  Lanes magnitude;
  const Lanes extreme = find_extreme<32>(x, magnitude);
  Lanes scale;
  Lanes best;
  const auto fit = [&](Lanes inverse, Lanes& products, Lanes& squares) {
    products = Lanes{};
    squares = Lanes{};
    for (int i = 0; i < 32; ++i) {
      const Lanes q = codebook_value(inverse * x[i]);
      products += weight[i] * q * x[i];
      squares += weight[i] * q * q;
    }
  };
  constexpr float kFirst = kCodebook[0];
  Lanes products;
  Lanes squares;
  fit(1.0F / (-extreme / kFirst), products, squares);
  scale = select(squares > 0.0F, products / squares, Lanes{});
  best = scale * products;
  for (int step = -7; step <= 7; ++step) {
    fit((static_cast<float>(step) + kFirst) / extreme, products, squares);
    const auto is_better = (squares > 0.0F) & (products * products > best * squares);
    scale = select(is_better, products / squares, scale);
    best = select(is_better, scale * products, best);
  }
  return select(magnitude < kNothing, Lanes{}, scale);
}

}  // namespace
}  // namespace assay::quant

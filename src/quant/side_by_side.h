// The searches of searches.h, as many groups at once as a vector of the CPU holds that is compiled for. Every file that
// includes this gets a table of its own.
#pragma once

#include "quant/codebook_search.h"
#include "quant/search.h"
#include "quant/searches.h"

namespace assay::quant {
namespace {

template <int kGroup>
void gather_all(const float* values, Lanes* lanes) {
  for (int i = 0; i < kGroup; ++i) lanes[i] = gather(values, kGroup, i);
}

/// Quants of side by side groups to their places.
template <int kGroup>
void scatter(const Lanes* values, int subtract, std::int16_t* quant) {
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < kGroup; ++i)
      quant[lane * kGroup + i] = static_cast<std::int16_t>(static_cast<int>(values[i][lane]) - subtract);
  }
}

void store(Lanes values, float* to) { __builtin_memcpy(to, &values, sizeof values); }

template <int kGroup>
void search_affine_groups(const float* x, const float* weights, int most, const AffineSteps& steps,
                          AffineGroups& groups, std::int16_t* quant) {
  for (int first = 0; first < kSearched / kGroup; first += kLanes) {
    Lanes values[kGroup];
    Lanes lane_weights[kGroup];
    gather_all<kGroup>(x + first * kGroup, values);
    gather_all<kGroup>(weights + first * kGroup, lane_weights);
    Lanes total = {};
    for (int i = 0; i < kGroup; ++i) total += lane_weights[i];
    Lanes quants[kGroup];
    Lanes minimum;
    store(search_affine<kGroup>(values, lane_weights, most, steps, quants, minimum), groups.scale + first);
    store(minimum, groups.minimum + first);
    store(total, groups.weight + first);
    scatter<kGroup>(quants, 0, quant + first * kGroup);
  }
}

void affine(const float* x, const float* weights, int group_values, int most, const AffineSteps& steps,
            AffineGroups& groups, std::int16_t* quant) {
  if (group_values == 16) {
    search_affine_groups<16>(x, weights, most, steps, groups, quant);
  } else {
    search_affine_groups<32>(x, weights, most, steps, groups, quant);
  }
}

template <int kGroup>
void search_signed_groups(const float* x, const float* weights, int half, float* scale, std::int16_t* quant) {
  for (int first = 0; first < kSearched / kGroup; first += kLanes) {
    Lanes values[kGroup];
    Lanes lane_weights[kGroup];
    Lanes quants[kGroup];
    gather_all<kGroup>(x + first * kGroup, values);
    gather_all<kGroup>(weights + first * kGroup, lane_weights);
    store(search_signed<kGroup>(values, lane_weights, half, quants), scale + first);
    scatter<kGroup>(quants, half, quant + first * kGroup);
  }
}

void of_signed(const float* x, const float* weights, int group_values, int half, float* scale, std::int16_t* quant) {
  if (group_values == 16) {
    search_signed_groups<16>(x, weights, half, scale, quant);
  } else {
    search_signed_groups<32>(x, weights, half, scale, quant);
  }
}

void refined(const float* x, int half, float* scale, std::int16_t* quant) {
  for (int first = 0; first < 16; first += kLanes) {
    Lanes values[16];
    Lanes quants[16];
    gather_all<16>(x + 16 * first, values);
    store(refine_signed<16>(values, half, quants), scale + first);
    scatter<16>(quants, half, quant + 16 * first);
  }
}

void codebook(const float* x, const float* weights, float* scale) {
  for (int first = 0; first < 8; first += kLanes) {
    Lanes values[32];
    Lanes lane_weights[32];
    gather_all<32>(x + 32 * first, values);
    gather_all<32>(weights + 32 * first, lane_weights);
    store(search_codebook(values, lane_weights), scale + first);
  }
}

constexpr Searches kSearches = {affine, of_signed, refined, codebook};

}  // namespace
}  // namespace assay::quant

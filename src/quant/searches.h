// Searches for the scales of 256 values, which are 16 groups of 16 or 8 of 32: those of search.h, several groups side
// by side. There is a table of them for every CPU and one for CPUs with AVX2, with the same operations and so the same
// results. Only files of this room include it.
#pragma once

#include <cstdint>

namespace assay::quant {

inline constexpr int kSearched = 256;     ///< values
inline constexpr int kMostSearched = 16;  ///< groups

/// Candidates of search_affine: the range is divided into most + first + i * step parts, i = 0 .. last.
struct AffineSteps {
  float first;
  float step;
  int last;
  bool is_absolute;  ///< the error is a sum of absolute values instead of squares
};

struct AffineGroups {
  float scale[kMostSearched];
  float minimum[kMostSearched];
  float weight[kMostSearched];  ///< the sum of the group's
};

/// Of 256 values x; `group_values` is 16 or 32. Quants of signed groups are -half .. half - 1.
struct Searches {
  void (*affine)(const float* x, const float* weights, int group_values, int most, const AffineSteps& steps,
                 AffineGroups& groups, std::int16_t* quant);
  void (*of_signed)(const float* x, const float* weights, int group_values, int half, float* scale,
                    std::int16_t* quant);
  /// refine_signed of groups of 16.
  void (*refined)(const float* x, int half, float* scale, std::int16_t* quant);
  /// search_codebook of groups of 32.
  void (*codebook)(const float* x, const float* weights, float* scale);
};

extern const Searches kPlainSearches;
extern const Searches kAvx2Searches;  ///< where the compiler makes code for x86-64

/// The table for this CPU.
const Searches& searches();

}  // namespace assay::quant

#include "quant/searches.h"

#include "quant/side_by_side.h"

namespace assay::quant {

extern constinit const Searches kPlainSearches = kSearches;

const Searches& searches() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return kAvx2Searches;
#endif
  return kPlainSearches;
}

}  // namespace assay::quant

// Compiled with -mavx2; nothing but the table leaves this file.
#include "quant/side_by_side.h"

namespace assay::quant {

extern constinit const Searches kAvx2Searches = kSearches;

}  // namespace assay::quant

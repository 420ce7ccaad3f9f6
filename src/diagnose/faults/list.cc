// The list of faults. Where two explain a step equally well the first is named, so particular ones stand before general
// ones.
#include <algorithm>
#include <array>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

constexpr std::array kAll = {
    &kRopePairing,       &kRopeMissing,        &kRopeTwice,       &kRopeInverse,   &kDecodePosition,
    &kGateUpSwapped,     &kGateProductMissing, &kNormMissing,     &kNormLayer,     &kNormSum,
    &kNormWeightIgnored, &kNormWeightOffset,   &kResidualMissing, &kResidualTwice,
};

}  // namespace

std::span<const Fault* const> all_faults() { return kAll; }

const Fault* find_fault(std::string_view name) {
  const auto found = std::find_if(kAll.begin(), kAll.end(), [&](const Fault* fault) { return fault->name == name; });
  return found == kAll.end() ? nullptr : *found;
}

}  // namespace assay::diagnose

// The faults of this folder, one file each. To add one: its file, its line here, and its line in list.cc.
#pragma once

#include "diagnose/fault.h"

namespace assay::diagnose {

extern const Fault kRopePairing;
extern const Fault kRopeMissing;
extern const Fault kRopeTwice;
extern const Fault kRopeInverse;
extern const Fault kDecodePosition;
extern const Fault kGateUpSwapped;
extern const Fault kGateProductMissing;
extern const Fault kNormMissing;
extern const Fault kNormLayer;
extern const Fault kNormSum;
extern const Fault kNormWeightIgnored;
extern const Fault kNormWeightOffset;
extern const Fault kResidualMissing;
extern const Fault kResidualTwice;

}  // namespace assay::diagnose

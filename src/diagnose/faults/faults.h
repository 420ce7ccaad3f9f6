// The faults of this folder, one file each. To add one: its file, its line here, and its line in list.cc.
#pragma once

#include "diagnose/fault.h"

namespace assay::diagnose {

extern const Fault kRopePairing;

}  // namespace assay::diagnose

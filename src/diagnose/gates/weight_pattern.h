// What a weight that no known mistake explains looks like beside the file's: for a person who goes looking.
#pragma once

#include <cstddef>
#include <string>

#include "diagnose/gates/weight_match.h"

namespace assay::diagnose {

/// "75 % of the values are zero; values 0 to 15 of every block of 32 are right". Empty when nothing stands out.
std::string pattern_of(const WeightPair& pair, const WeightPlace& place, std::size_t block_values);

}  // namespace assay::diagnose

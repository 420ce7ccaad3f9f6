// Texts on which pre-tokenizers differ: two that cut them alike are taken for one.
#pragma once

#include <string>

namespace assay::tokenizer {

/// What only longer runs show: contractions, numbers, spaces, line ends, words of several scripts. 2 kB.
std::string probe_of_runs();

/// Every three of some characters, of every category that expressions tell apart, one after another. 200 kB.
std::string probe_of_threes();

}  // namespace assay::tokenizer

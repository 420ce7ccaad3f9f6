// Linear steps of experts in somebody's way, and whole mixtures with another number of experts.
#pragma once

#include <cstddef>
#include <functional>

#include "diagnose/fault.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {

/// The step's output if the rows of its matrices, [experts * outputs], are read so. For linear steps of experts.
Matrix run_experts_with_rows(const Site& site, const ReadRow& read);

/// The matrix that each slot of a linear step takes, [tokens, slots].
Matrix chosen_matrices(const Site& site);

/// The same step with these experts chosen, [tokens, slots].
Matrix run_with_choice(const Site& site, const Matrix& chosen);

/// The weighted sum of experts if `count` were chosen. The site is that of the sum.
Matrix run_with_count(const Site& site, std::size_t count);

/// How many experts the sum is over.
std::size_t experts_used(const Site& site);

}  // namespace assay::diagnose

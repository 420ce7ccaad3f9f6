// What a step gives in less than float64.
#pragma once

#include <vector>

#include "diagnose/fault.h"
#include "engine/precision.h"

namespace assay::diagnose {

Matrix run_in(const Site& site, engine::Arithmetic arithmetic);

bool is_finite(const Matrix& matrix);

/// Whether the candidate made infinities or NaN of finite inputs, which no rounding does.
bool lost_finiteness(const Site& site);

/// Appends the hypothesis that the step runs in this arithmetic.
template <engine::Arithmetic arithmetic>
void propose_arithmetic(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (lost_finiteness(site)) return;
  hypotheses.push_back({{}, [](const Site& here) { return run_in(here, arithmetic); }});
}

}  // namespace assay::diagnose

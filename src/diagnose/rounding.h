// Rounding or fault: how far an honest engine may be from the exact step, by the arithmetic it computes in. That is not
// a tolerance but a measurement: the step is run in that arithmetic on the same inputs (Replay::expected), and what
// other orders of summation may add to it is a factor.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "diagnose/replay.h"
#include "engine/precision.h"

namespace assay::diagnose {

/// From the finest to the coarsest: what engines compute in.
inline constexpr std::array kEngineArithmetics = {engine::Arithmetic::f32, engine::Arithmetic::f16,
                                                  engine::Arithmetic::q8, engine::Arithmetic::bf16};

std::string_view name(engine::Arithmetic arithmetic);

/// The arithmetic that a fault of rounding is: "f16" for "f16_storage"; the name itself where it is none.
std::string_view arithmetic_of(std::string_view fault);

/// The largest residual at this step that the arithmetic explains. What was given was itself rounded to the dump's
/// type, which is explained in any case.
double bound(Replay& replay, std::size_t step, engine::Arithmetic arithmetic);

}  // namespace assay::diagnose

// Parameters of faults, and how they are read off what the candidate said.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "diagnose/matrix.h"
#include "diagnose/usual.h"

namespace assay::diagnose {

/// |made - given| / |given| of each row, joined by root mean square; rows that are zero or not finite are left out.
double disagreement(const Matrix& made, const Matrix& given);

/// Where `f` is smallest between `low` and `high`: the best of `points` evenly apart, then a golden section beside it.
double minimize(double low, double high, std::size_t points, const std::function<double(double)>& f);

/// Every value times `factor`.
Matrix times(Matrix values, double factor);

/// The usual values that reproduce as well as the solved one, in their order; else the solved one alone, with so many
/// digits. `error` is a disagreement().
std::vector<Usual> settle(double solved, std::span<const Usual> usual, const std::function<double(double)>& error,
                          int digits = 4);

/// With so many significant digits: few, so that a value solved at several layers reads the same.
std::string number(double value, int digits = 4);

}  // namespace assay::diagnose

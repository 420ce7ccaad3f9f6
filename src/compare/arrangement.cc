#include "compare/arrangement.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::compare {
namespace {

using Kind = Arrangement::Kind;

constexpr std::size_t kSampledRows = 24;
constexpr std::size_t kSampledColumns = 4;  // of a transposed one, where each costs the whole reference
constexpr std::size_t kMaxHeadWidth = 512;
/// Quantization errs by less than this; another order of a matrix by about sqrt(2).
constexpr double kSuspicious = 0.25;
constexpr double kByFar = 0.5;

/// The reference's row that stands in the candidate's row.
std::size_t source_row(const Arrangement& arrangement, std::size_t row) {
  const std::size_t width = arrangement.head_width;
  if (arrangement.kind == Kind::halves_to_pairs) {
    const std::size_t in_head = row % width;
    return row - in_head + in_head / 2 + in_head % 2 * (width / 2);
  }
  if (arrangement.kind == Kind::pairs_to_halves) {
    const std::size_t in_head = row % width;
    return row - in_head + in_head % (width / 2) * 2 + in_head / (width / 2);
  }
  return row;
}

void read_transposed(const WeightTensor& reference, std::size_t first, std::size_t count, std::size_t columns,
                     std::vector<double>& scratch, double* values) {
  scratch.resize(reference.columns);
  for (std::size_t row = 0; row < reference.rows; ++row) {
    reference.read_rows(row, 1, scratch.data());
    for (std::size_t i = 0; i < count; ++i) values[i * columns + row] = scratch[first + i];
  }
}

/// Values [first, first + count) of the matrix as one long row.
void read_flat(const WeightTensor& reference, std::size_t first, std::size_t count, std::vector<double>& scratch,
               double* values) {
  const std::size_t begin = first / reference.columns;
  const std::size_t end = (first + count + reference.columns - 1) / reference.columns;
  scratch.resize((end - begin) * reference.columns);
  reference.read_rows(begin, end - begin, scratch.data());
  std::copy_n(scratch.begin() + static_cast<std::ptrdiff_t>(first - begin * reference.columns), count, values);
}

class Trial {
 public:
  Trial(const WeightTensor& reference, const WeightTensor& candidate) : reference_(reference), candidate_(candidate) {}

  /// Relative error over some rows; infinite where nothing can be said.
  double error(const Arrangement& arrangement) {
    const std::size_t columns = candidate_.columns;
    const std::size_t most = arrangement.kind == Kind::transposed ? kSampledColumns : kSampledRows;
    const std::size_t rows = std::min(most, candidate_.rows);
    expected_.resize(columns);
    actual_.resize(columns);
    double squares = 0;
    double differences = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t row = i * candidate_.rows / rows + i % 2 * (candidate_.rows > 2 * rows ? 1 : 0);
      read_arranged(reference_, candidate_, arrangement, row, 1, scratch_, expected_.data());
      candidate_.read_rows(row, 1, actual_.data());
      for (std::size_t c = 0; c < columns; ++c) {
        if (!std::isfinite(expected_[c]) || !std::isfinite(actual_[c])) continue;
        squares += expected_[c] * expected_[c];
        differences += (actual_[c] - expected_[c]) * (actual_[c] - expected_[c]);
      }
    }
    return squares > 0 ? std::sqrt(differences / squares) : std::numeric_limits<double>::infinity();
  }

 private:
  const WeightTensor& reference_;
  const WeightTensor& candidate_;
  std::vector<double> scratch_;
  std::vector<double> expected_;
  std::vector<double> actual_;
};

/// What the shapes allow besides `same`, likely ones first.
std::vector<Arrangement> alternatives(const WeightTensor& reference, const WeightTensor& candidate,
                                      std::optional<std::size_t> head_width) {
  std::vector<Arrangement> all;
  const bool same_shape = reference.rows == candidate.rows && reference.columns == candidate.columns;
  if (same_shape) {
    const auto add_width = [&](std::size_t width) {
      if (width < 4 || width % 2 != 0 || candidate.rows % width != 0) return;
      all.push_back({Kind::halves_to_pairs, width});
      all.push_back({Kind::pairs_to_halves, width});
    };
    if (head_width) add_width(*head_width);
    for (std::size_t width = 4; width <= std::min(kMaxHeadWidth, candidate.rows); width += 2) {
      if (width != head_width) add_width(width);
    }
  }
  if (reference.rows == candidate.columns && reference.columns == candidate.rows && candidate.rows > 1) {
    all.push_back({Kind::transposed});
    if (!same_shape) all.push_back({Kind::renamed});
  }
  return all;
}

}  // namespace

void read_arranged(const WeightTensor& reference, const WeightTensor& candidate, const Arrangement& arrangement,
                   std::size_t first, std::size_t count, std::vector<double>& scratch, double* values) {
  const std::size_t columns = candidate.columns;
  switch (arrangement.kind) {
    case Kind::same:
      reference.read_rows(first, count, values);
      break;
    case Kind::halves_to_pairs:
    case Kind::pairs_to_halves:
      for (std::size_t i = 0; i < count; ++i) {
        reference.read_rows(source_row(arrangement, first + i), 1, values + i * columns);
      }
      break;
    case Kind::transposed:
      read_transposed(reference, first, count, columns, scratch, values);
      break;
    case Kind::renamed:
      read_flat(reference, first * columns, count * columns, scratch, values);
      break;
  }
}

std::optional<Arrangement> find_arrangement(const WeightTensor& reference, const WeightTensor& candidate,
                                            std::optional<std::size_t> head_width) {
  if (reference.values() != candidate.values()) return std::nullopt;
  Trial trial(reference, candidate);
  const bool same_shape = reference.rows == candidate.rows && reference.columns == candidate.columns;
  const double as_it_is = same_shape ? trial.error({}) : std::numeric_limits<double>::infinity();
  if (as_it_is < kSuspicious) return Arrangement{};
  Arrangement best;
  double least = std::numeric_limits<double>::infinity();
  for (const Arrangement& alternative : alternatives(reference, candidate, head_width)) {
    const double error = trial.error(alternative);
    // Equal ones, as a permutation by narrow heads of few rows can be: the first, which is the likeliest.
    if (error < 0.999 * least) {
      least = error;
      best = alternative;
    }
  }
  if (least < kByFar * as_it_is && least < 1) return best;
  if (same_shape) return Arrangement{};
  return std::nullopt;
}

}  // namespace assay::compare

#include "compare/tap_meter.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace assay::compare {

template <typename Real>
void TapMeter::add_row(const Real* reference, const Real* candidate, const Real* seated, std::size_t width) {
  double rr = 0, cc = 0, rc = 0, total = 0, introduced = 0, inherited = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const double r = reference[i];
    const double c = candidate[i];
    const double s = seated[i];
    rr += r * r;
    cc += c * c;
    rc += r * c;
    total += (c - r) * (c - r);
    introduced += (s - r) * (s - r);
    inherited += (c - s) * (c - s);
    const double difference = std::abs(c - r);
    if (difference > worst_) {
      worst_ = difference;
      worst_channel_ = i;
    }
  }
  values_ += width;
  reference_squares_ += rr;
  candidate_squares_ += cc;
  if (rr == 0) return;
  ++measured_rows_;
  total_ += total / rr;
  introduced_ += introduced / rr;
  inherited_ += inherited / rr;
  cosines_ += cc == 0 ? 0 : rc / std::sqrt(rr) / std::sqrt(cc);
}

void TapMeter::add(const engine::Rows& reference, const engine::Rows& candidate, const engine::Rows& seated) {
  assert(reference.count == candidate.count && reference.count == seated.count);
  assert(reference.width == candidate.width && reference.width == seated.width);
  const std::size_t width = reference.width;
  for (std::size_t row = 0; row < reference.count; ++row) {
    const std::size_t at = row * width;
    if (reference.f64 != nullptr) {
      add_row(reference.f64 + at, candidate.f64 + at, seated.f64 + at, width);
    } else {
      add_row(reference.f32 + at, candidate.f32 + at, seated.f32 + at, width);
    }
  }
}

void TapMeter::finish(TapDrift& drift) const {
  if (values_ == 0) return;
  const auto values = static_cast<double>(values_);
  drift.rms_reference = std::sqrt(reference_squares_ / values);
  drift.rms_candidate = std::sqrt(candidate_squares_ / values);
  drift.worst_channel = static_cast<int>(worst_channel_);
  if (measured_rows_ == 0) return;
  const auto rows = static_cast<double>(measured_rows_);
  drift.relative_error = std::sqrt(total_ / rows);
  drift.introduced = std::sqrt(introduced_ / rows);
  drift.inherited = std::sqrt(inherited_ / rows);
  drift.cosine = cosines_ / rows;
  drift.sqnr_db =
      drift.relative_error == 0 ? std::numeric_limits<double>::infinity() : -20 * std::log10(drift.relative_error);
}

}  // namespace assay::compare

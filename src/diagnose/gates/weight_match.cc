#include "diagnose/gates/weight_match.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/threads.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

constexpr std::size_t kSampledRows = 24;
constexpr std::size_t kSampledValues = std::size_t{1} << 14;
constexpr double kBfloatTruncation = 0x1p-7;
constexpr double kHalfSmallest = 0x1p-25;  // half of the smallest float16

WeightShape shape_of(const std::vector<std::size_t>& axes, std::size_t outputs, std::size_t inputs) {
  std::size_t count = 1;
  for (const std::size_t length : axes) count *= length;
  if (count != outputs * inputs) return WeightShape::other;
  if (axes.size() <= 1) return WeightShape::flat;
  const bool outputs_first = axes.back() == inputs;
  const bool inputs_first = axes.front() == inputs;
  if (outputs_first && inputs_first && axes.size() == 2) return WeightShape::square;
  if (outputs_first) return WeightShape::outputs_first;
  return inputs_first ? WeightShape::inputs_first : WeightShape::flat;
}

}  // namespace

WeightPair::WeightPair(const gguf::Tensor& ours, const trace::Array& theirs, std::vector<double> scales)
    : tensor_(ours),
      array_(theirs),
      scales_(std::move(scales)),
      // A vector has one input a row, so that its values may be permuted as rows are.
      outputs_(static_cast<std::size_t>(ours.rows() == 1 ? ours.row_values() : ours.rows())),
      inputs_(static_cast<std::size_t>(ours.rows() == 1 ? 1 : ours.row_values())) {
  for (const std::uint64_t length : theirs.shape) {
    if (length != 1) axes_.push_back(static_cast<std::size_t>(length));
  }
  shape_ = shape_of(axes_, outputs_, inputs_);
  if (shape_ == WeightShape::other) return;
  const std::size_t wanted = std::clamp<std::size_t>(kSampledValues / inputs_, 4, kSampledRows);
  const std::size_t count = is_vector() ? outputs_ : std::min(wanted, outputs_);
  ours_rows_ = Matrix(count, inputs_);
  for (std::size_t i = 0; i < count; ++i) sampled_.push_back(count == 1 ? 0 : i * (outputs_ - 1) / (count - 1));
  if (is_vector()) {
    decode(0, ours_rows_.values.data());
  } else {
    for (std::size_t i = 0; i < count; ++i) decode(sampled_[i], ours_rows_.row(i));
  }
}

void WeightPair::decode(std::size_t output, double* values) const {
  kernels::kernels().exact[tensor_.type->id].decode(tensor_.row(output).data(),
                                                    static_cast<std::size_t>(tensor_.row_values()), values);
  if (scales_.empty()) return;
  const double scale = scales_[output * scales_.size() / static_cast<std::size_t>(tensor_.rows())];
  std::for_each_n(values, tensor_.row_values(), [scale](double& value) { value *= scale; });
}

double WeightPair::their_value(std::size_t k) const {
  // The places of a fortran array count the first axis fastest.
  if (array_.fortran_order && axes_.size() > 1) {
    std::size_t place = 0;
    for (std::size_t axis = axes_.size(), rest = k; axis-- > 0; rest /= axes_[axis]) {
      std::size_t stride = 1;
      for (std::size_t before = 0; before < axis; ++before) stride *= axes_[before];
      place += rest % axes_[axis] * stride;
    }
    k = place;
  }
  double value = 0;
  gguf::read_values({{}, array_.dtype, {}, array_.data}, k, 1, &value);
  return value;
}

std::size_t WeightPair::place_of(const WeightPlace& place, std::size_t output, std::size_t input) const {
  if (place.head_width > 0) {
    const std::size_t half = place.head_width / 2;
    const std::size_t inside = output % place.head_width;
    output -= inside;
    output += place.to_halves ? inside / 2 + inside % 2 * half : inside % half * 2 + inside / half;
  }
  switch (place.order) {
    case WeightOrder::rows:
      return output * inputs_ + input;
    case WeightOrder::columns:
      return input * outputs_ + output;
    case WeightOrder::scrambled:
      break;
  }
  const std::size_t flat = output * inputs_ + input;
  return flat % outputs_ * inputs_ + flat / outputs_;
}

Matrix WeightPair::their_rows(const WeightPlace& place) const {
  Matrix rows(sampled_.size(), inputs_);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t c = 0; c < inputs_; ++c) rows.row(i)[c] = their_value(place_of(place, sampled_[i], c));
  }
  return rows;
}

WeightMatch WeightPair::match(const WeightPlace& place) const {
  const Matrix theirs = their_rows(place);
  double ours_squares = 0;
  double their_squares = 0;
  double products = 0;
  double differences = 0;
  for (std::size_t i = 0; i < theirs.values.size(); ++i) {
    const double a = ours_rows_.values[i];
    const double b = theirs.values[i];
    if (!std::isfinite(a) || !std::isfinite(b)) continue;
    ours_squares += a * a;
    their_squares += b * b;
    products += a * b;
    differences += (a - b) * (a - b);
  }
  WeightMatch match;
  match.residual = ours_squares > 0 ? std::sqrt(differences / ours_squares) : differences > 0 ? 1 : 0;
  match.factor = ours_squares > 0 ? products / ours_squares : 1;
  const double left = their_squares - match.factor * products;
  match.residual_scaled = their_squares > 0 ? std::sqrt(std::max(0.0, left) / their_squares) : 1;
  return match;
}

WeightPair::Whole WeightPair::compare(const WeightPlace& place, int threads) const {
  Whole whole;
  whole.residuals.resize(outputs_);
  std::vector<double> squares(outputs_);
  std::vector<std::size_t> non_finite(outputs_);
  std::vector<char> is_rounded(outputs_, 1);
  std::vector<double> vector(is_vector() ? outputs_ : 0);
  if (is_vector()) decode(0, vector.data());
  std::vector<double> room(static_cast<std::size_t>(threads) * inputs_);
  run_team(threads, [&](const Team& team) {
    double* row = room.data() + static_cast<std::size_t>(team.thread) * inputs_;
    const auto [begin, end] = team.share(outputs_);
    for (std::size_t o = begin; o < end; ++o) {
      if (is_vector()) {
        row[0] = vector[o];
      } else {
        decode(o, row);
      }
      for (std::size_t i = 0; i < inputs_; ++i) {
        const double theirs = their_value(place_of(place, o, i));
        if (!std::isfinite(theirs)) {
          non_finite[o] += std::isfinite(row[i]) ? 1 : 0;
          continue;
        }
        const double difference = theirs - row[i];
        whole.residuals[o] += difference * difference;
        squares[o] += row[i] * row[i];
        if (std::abs(difference) > kBfloatTruncation * std::abs(row[i]) + kHalfSmallest) is_rounded[o] = 0;
      }
    }
  });
  double differences = 0;
  double all_squares = 0;
  for (std::size_t o = 0; o < outputs_; ++o) {
    differences += whole.residuals[o];
    all_squares += squares[o];
    whole.non_finite += non_finite[o];
    whole.is_rounded = whole.is_rounded && is_rounded[o] != 0;
  }
  const double row_squares = all_squares > 0 ? all_squares / static_cast<double>(outputs_) : 1;
  for (double& residual : whole.residuals) residual = std::sqrt(residual / row_squares);
  whole.residual = all_squares > 0 ? std::sqrt(differences / all_squares) : differences > 0 ? 1 : 0;
  return whole;
}

}  // namespace assay::diagnose

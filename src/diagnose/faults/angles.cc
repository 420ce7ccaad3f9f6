#include "diagnose/faults/angles.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/math.h"
#include "model/model.h"
#include "model/rope.h"

namespace assay::diagnose {
namespace {

constexpr std::size_t kRows = 32;

/// What the frequencies of the step's rotation may be divided by; empty where the file has no such tensor.
std::vector<double> factors(const Site& site, std::string_view name) {
  if (!site.operation<model::Rope>()->is_scaled) return {};
  const gguf::Tensor* tensor = site.model.file.find_tensor(name);
  if (tensor == nullptr) return {};
  std::vector<double> values(static_cast<std::size_t>(tensor->values()));
  quant::decode_exact(*tensor->type, tensor->data.data(), values.size() / tensor->type->block_values, values.data());
  return values;
}

/// By which the step's frequencies come of rope_table().
model::HyperParameters settings(const Site& site) {
  const auto& rope = *site.operation<model::Rope>();
  model::HyperParameters hp = site.hyper_parameters();
  hp.rope_freq_base = rope.base;
  if (!rope.is_scaled) {
    hp.rope_scaling_type = "none";
    hp.rope_scaling_attn_factor = 1;
  }
  return hp;
}

bool is_near(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

}  // namespace

Angles::Angles(const Site& site) {
  const auto& rope = *site.operation<model::Rope>();
  const Matrix& input = site.input(0);
  const bool neighbours = rope.pairing == model::RopePairing::neighbours;
  const std::size_t pairs = rope.frequencies.size();
  for (std::size_t i = 0; i < input.rows; ++i) {
    const auto position = static_cast<double>(site.passage.positions[i]);
    if (position > 0) lowest_ = lowest_ == 0 ? position : std::min(lowest_, position);
    highest_ = std::max(highest_, position);
  }
  // The first ones, whose angles are small, and some of the rest.
  const std::size_t apart = std::max<std::size_t>(1, input.rows / kRows);
  for (std::size_t i = 0; i < input.rows; ++i) {
    if (i >= kRows / 4 && i % apart != 0) continue;
    Row row{static_cast<double>(site.passage.positions[i]), std::vector<Sum>(pairs)};
    const double* x = input.row(i);
    const double* given = site.given->row(i);
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      const std::size_t first = neighbours ? 2 * pair : pair;
      const std::size_t second = neighbours ? 2 * pair + 1 : pair + pairs;
      Sum& sum = row.pairs[pair];
      for (std::size_t head = 0; head < input.width; head += rope.head_width) {
        const double a = x[head + first];
        const double b = x[head + second];
        const double c = given[head + first];
        const double d = given[head + second];
        sum.cosine += a * c + b * d;
        sum.sine += a * d - b * c;
      }
    }
    rows_.push_back(std::move(row));
  }
}

double Angles::agreement(std::span<const double> frequencies, double limit) const {
  double sum = 0;
  for (const Row& row : rows_) {
    if (row.position > limit) continue;
    for (std::size_t pair = 0; pair < row.pairs.size(); ++pair) {
      const double angle = row.position * frequencies[pair];
      sum += row.pairs[pair].cosine * portable_cos(angle) + row.pairs[pair].sine * portable_sin(angle);
    }
  }
  return sum;
}

std::vector<Angles::Sum> Angles::turned_back(std::span<const double> frequencies) const {
  std::vector<Sum> sums(frequencies.size());
  for (const Row& row : rows_) {
    for (std::size_t pair = 0; pair < sums.size(); ++pair) {
      const double cosine = portable_cos(row.position * frequencies[pair]);
      const double sine = portable_sin(row.position * frequencies[pair]);
      const Sum& z = row.pairs[pair];
      sums[pair].cosine += z.cosine * cosine + z.sine * sine;
      sums[pair].sine += z.sine * cosine - z.cosine * sine;
    }
  }
  return sums;
}

RopeOfModel::RopeOfModel(const Site& site) : site_(site) {
  const auto* rope = site.operation<model::Rope>();
  if (rope == nullptr) return;
  for (const char* name : {"rope_freqs.weight", kShortFactors, kLongFactors}) {
    try {
      divisors_ = factors(site, name);
      const std::vector<double> own = model::rope_table(settings(site), divisors_).frequencies;
      follows_ = std::equal(own.begin(), own.end(), rope->frequencies.begin(), rope->frequencies.end(), is_near);
      if (follows_) return;
    } catch (const Error&) {
      follows_ = false;
    }
  }
}

std::optional<model::Rope> RopeOfModel::with(const std::function<void(model::HyperParameters&)>& change) const {
  if (!follows_) return std::nullopt;
  try {
    model::HyperParameters changed = settings(site_);
    change(changed);
    model::RopeTable table = model::rope_table(
        changed, changed.rope_dimension_count / 2 == divisors_.size() ? divisors_ : std::vector<double>());
    model::Rope other = *site_.operation<model::Rope>();
    other.frequencies = std::move(table.frequencies);
    other.magnitude = table.magnitude;
    return other;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<model::Rope> rope_with_factors(const Site& site, std::string_view tensor) {
  model::Rope other = *site.operation<model::Rope>();
  try {
    const std::vector<double> divisors = factors(site, tensor);
    if (divisors.size() != other.frequencies.size()) return std::nullopt;
    other.frequencies = model::rope_table(settings(site), divisors).frequencies;
  } catch (const Error&) {
    return std::nullopt;
  }
  return other;
}

std::optional<model::Rope> rope_with(const Site& site, const std::function<void(model::HyperParameters&)>& change) {
  return RopeOfModel(site).with(change);
}

}  // namespace assay::diagnose

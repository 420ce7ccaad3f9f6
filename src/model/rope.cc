#include "model/rope.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/math.h"

namespace assay::model {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// By pair, how much of the plain frequency stays.
class YarnRamp {
 public:
  explicit YarnRamp(const HyperParameters& hp) : ext_factor_(hp.rope_scaling_yarn_ext_factor) {
    const auto dimensions = static_cast<double>(hp.rope_dimension_count);
    const auto turns = [&](double beta) {
      const auto length = static_cast<double>(hp.rope_scaling_original_context_length);
      return dimensions * portable_log(length / (2 * kPi * beta)) / (2 * portable_log(hp.rope_freq_base));
    };
    low_ = std::max(0.0, std::floor(turns(hp.rope_scaling_yarn_beta_fast)));
    high_ = std::min(dimensions - 1, std::ceil(turns(hp.rope_scaling_yarn_beta_slow)));
  }

  double operator()(std::size_t pair) const {
    const double along = (static_cast<double>(pair) - low_) / std::max(0.001, high_ - low_);
    return ext_factor_ * (1 - std::clamp(along, 0.0, 1.0));
  }

 private:
  double ext_factor_;
  double low_;
  double high_;
};

double yarn_magnitude(const HyperParameters& hp) {
  if (hp.rope_scaling_factor <= 1) return 1;
  const double log_factor = portable_log(hp.rope_scaling_factor);
  return (1 + 0.1 * log_factor) / (1 + 0.1 * hp.rope_scaling_yarn_log_multiplier * log_factor);
}

}  // namespace

RopeTable rope_table(const HyperParameters& hp, std::span<const double> factors) {
  const std::size_t pairs = hp.rope_dimension_count / 2;
  const double scaling = hp.rope_scaling_type == "none" ? 1 : hp.rope_scaling_factor;
  const bool yarn = hp.rope_scaling_type == "yarn" && hp.rope_scaling_yarn_ext_factor != 0;
  const YarnRamp plain_share(hp);

  RopeTable table{std::vector<double>(pairs), hp.rope_scaling_attn_factor * (yarn ? yarn_magnitude(hp) : 1),
                  hp.rope_freq_base, true};
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const double factor = factors.empty() ? 1 : factors[pair];
    if (!(factor > 0) || !std::isfinite(factor)) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: value {} of the tensor of rotary factors is {}, but must be above 0", hp.source,
                              pair, factor));
    }
    const double exponent = -2.0 * static_cast<double>(pair) / static_cast<double>(hp.rope_dimension_count);
    const double plain = portable_pow(hp.rope_freq_base, exponent) / factor;
    const double stretched = plain / scaling;
    const double share = yarn ? plain_share(pair) : 0;
    table.frequencies[pair] = stretched * (1 - share) + plain * share;
    if (!(table.frequencies[pair] * static_cast<double>(hp.context_length) <= static_cast<double>(kMaxContextLength))) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: rotary pair {} turns by {} radians a position, too fast for a context of {}",
                              hp.source, pair, table.frequencies[pair], hp.context_length));
    }
  }
  return table;
}

RopeTable plain_rope_table(const HyperParameters& hyper_parameters, double base) {
  HyperParameters plain = hyper_parameters;
  plain.rope_freq_base = base;
  plain.rope_scaling_type = "none";
  plain.rope_scaling_attn_factor = 1;
  RopeTable table = rope_table(plain, {});
  table.is_scaled = false;
  return table;
}

}  // namespace assay::model

// Per-step precision: which arithmetic the oracle runs each step of a plan in. A policy is text such as
// 'attention=f64,*.q=f64,default=f32', so that "would float64 there have changed the token?" is a flag.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/plan.h"

namespace assay::engine {

/// What a step computes in. All but f64 compute in float32: every operation rounds, and a sum over a row has the 16
/// lanes of kernels.h's dot_exact. "Inputs" are what other steps wrote and the step's weights.
enum class Arithmetic {
  f64,     ///< exact: the oracle's own
  f32,     ///< inputs and result are float32 numbers
  f16,     ///< inputs and result are rounded to float16
  bf16,    ///< inputs and result are rounded to bfloat16
  f16acc,  ///< as f16, and every addition of a sum is rounded to float16
  q8,      ///< a linear step as ggml does it, which quantizes what the weights are multiplied with (oracle/q8.h); f32
           ///< for every other step
};

class PrecisionPolicy {
 public:
  /// float64 everywhere.
  PrecisionPolicy() = default;

  /// "PATTERN=ARITHMETIC,...". A pattern is a glob (base/glob.h) over taps ("blk.3.q", "*.ffn_out") and over operations
  /// (embed, rms_norm, linear, rope, ...: model::name_of), or `default`: the steps no
  /// other names. The last pattern that names a step decides. Throws Error{usage} that quotes what it cannot read.
  static PrecisionPolicy parse(std::string_view text);

  /// By step of the plan. Throws Error{usage} with the nearest names when a pattern names nothing in it.
  std::vector<Arithmetic> resolve(const model::Plan& plan) const;

  bool is_exact() const { return rules_.empty(); }
  /// As it was given; "f64" for the policy of float64 everywhere.
  const std::string& text() const { return text_; }

 private:
  std::vector<std::pair<std::string, Arithmetic>> rules_;
  std::string text_ = "f64";
};

}  // namespace assay::engine

// The whole diagnosis of one dump: gates first (token ids, sampler, weights), then every step in causal order; where
// nothing inside the network was given, single faults are put into the whole model.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/verdict.h"
#include "engine/precision.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::diagnose {

struct DiagnoseRequest {
  std::optional<std::string> prompt;            ///< the text their engine was given
  std::vector<engine::Arithmetic> arithmetics;  ///< what their engine claims to compute in; empty: any
  bool pairs = false;                           ///< with logits or ids alone: also try two faults at once
  double budget = 300;                          ///< with logits or ids alone: seconds to try faults in
  int threads = 1;
  /// `what` is being tried, where faults are put into the whole model, else empty. May be empty.
  std::function<void(std::size_t done, std::size_t total, std::string_view what)> on_progress;
};

/// The trace has taps of the model's plan. Throws Error{input} without token ids, and when a chosen id is outside the
/// vocabulary.
Verdict diagnose(const model::Model& model, const tokenizer::Tokenizer& tokenizer, trace::ForeignTrace trace,
                 const DiagnoseRequest& request);

}  // namespace assay::diagnose

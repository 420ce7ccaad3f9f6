// Runs a model over a prompt and some greedy steps after it, and records what its taps see: whole values into a trace
// file, or statistics into a trace file and a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/plan.h"
#include "trace/statistics.h"
#include "trace/trace_writer.h"

namespace assay::trace {

/// What a tap was like over all rows of a trace.
struct TapSummary {
  std::string tap;
  std::size_t channels = 0;
  std::size_t rows = 0;
  Statistics statistics;
  Samples samples{};  ///< of the last row
};

class Recorder final : public engine::Observer {
 public:
  /// `chosen` by ValueId, as choose_taps() gives it. `writer` may be null; its taps are taps(). All must outlive the
  /// recorder.
  Recorder(const model::Plan& plan, const std::vector<bool>& chosen, Content content);
  void set_writer(TraceWriter* writer) { writer_ = writer; }

  std::vector<TraceWriter::Tap> taps() const;
  /// Whether a chosen tap has rows only for tokens that want logits, so that all tokens must want them.
  bool needs_all_outputs() const;
  /// Of the chosen taps, in the plan's order. Content::statistics.
  const std::vector<TapSummary>& summaries() const { return summaries_; }

  bool wants(const model::Value& value) const override { return place(value) >= 0; }
  bool only_reads() const override { return true; }
  void observe(const model::Value& value, const engine::TapRows& rows) override;

 private:
  int place(const model::Value& value) const { return places_[static_cast<std::size_t>(&value - plan_.values.data())]; }

  const model::Plan& plan_;
  Content content_;
  TraceWriter* writer_ = nullptr;
  std::vector<int> places_;  // by ValueId: its place among the chosen, or -1
  std::vector<TapSummary> summaries_;
};

struct RecordRequest {
  engine::SequenceId sequence = 0;   ///< empty
  std::vector<std::int32_t> prompt;  ///< at least one token
  std::size_t decode_steps = 0;      ///< greedy tokens evaluated after it, whatever they are
  /// Called between evaluations with how many tokens are done. What it throws ends the recording.
  std::function<void(std::size_t done)> on_progress;
};

/// Returns the tokens that were evaluated: the prompt, then the decoded ones. A long prompt goes in pieces. Throws
/// Error{usage} before anything runs when it does not fit into the context.
std::vector<std::int32_t> record(engine::Engine& engine, Recorder& recorder, const RecordRequest& request);

}  // namespace assay::trace

// The fast engine: runs a Program over batches, piece by piece, with one team of threads from the first step of a batch
// to the last. What it computes for a token depends on that token's sequence only, to the bit.
#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "engine/batch.h"
#include "engine/fast/aligned_buffer.h"
#include "engine/fast/head_cache.h"
#include "engine/fast/observation.h"
#include "engine/fast/program.h"
#include "kernels/kernels.h"

namespace assay::engine {
namespace {

using fast::RowSet;

/// Tokens computed at once: enough to read each weight seldom, few enough to bound the memory of the values between.
constexpr std::size_t kPieceTokens = 512;

/// Threads that compute the same tokens wait for each other between most steps, and are idle where their shares of the
/// channels differ. So they share out the tokens first: in groups of at least so many, which use each weight that is
/// taken apart nearly as well as a whole piece.
constexpr std::size_t kGroupTokens = 128;
constexpr std::size_t kMostGroups = kPieceTokens / kGroupTokens;

/// Tokens of a piece that some threads compute on their own, but for attention.
struct Group {
  std::size_t begin, end;                  // tokens of the batch
  std::size_t outputs_begin, outputs_end;  // of the batch's tokens that want logits
  int first_thread, threads;
};

/// A part of a batch, small enough for the regions.
struct Piece {
  std::size_t groups_begin, groups_end;
};

class FastEngine final : public Engine {
 public:
  FastEngine(const model::Plan& plan, const EngineOptions& options)
      : plan_(plan),
        kernels_(kernels::kernels()),
        program_(plan_, kernels_),
        threads_(resolve_threads(options)),
        context_length_(resolve_context_length(options, plan_)),
        cache_format_(options.cache == CacheType::f16 ? kernels::CacheFormat::f16 : kernels::CacheFormat::f32),
        has_experts_(std::any_of(plan.steps.begin(), plan.steps.end(), [](const model::Step& step) {
          return std::holds_alternative<model::ExpertLinear>(step.operation);
        })) {
    if (options.cache == CacheType::f64) {
      throw Error(ErrorKind::usage, "the fast engine has no f64 cache", "choose f32 or f16");
    }
    scores_.reserve(threads() * score_bytes());
    for (int thread = 0; thread < threads_; ++thread) {
      score_rows_.push_back(
          reinterpret_cast<float*>(scores_.data() + static_cast<std::size_t>(thread) * score_bytes()));
    }
    scratch_.resize(threads());
    for (fast::AlignedBuffer& scratch : scratch_) {
      scratch.reserve(program_.scratch_bytes());
      scratch_data_.push_back(scratch.data());
    }
  }

  SequenceId add_sequence() override {
    caches_.try_emplace(next_sequence_, plan_.layers, plan_.kv_width, context_length_, cache_format_);
    lengths_[next_sequence_] = 0;
    return next_sequence_++;
  }

  void remove_sequence(SequenceId sequence) override {
    check(sequence);
    caches_.erase(sequence);
    lengths_.erase(sequence);
  }

  void truncate(SequenceId sequence, std::size_t length) override {
    check(sequence);
    lengths_[sequence] = std::min(lengths_[sequence], length);
  }

  std::size_t length(SequenceId sequence) const override {
    check(sequence);
    return lengths_.at(sequence);
  }

  std::size_t context_length() const override { return context_length_; }

  void evaluate(std::span<const TokenInput> tokens, Observer* observer) override {
    const Batch batch = check_batch(tokens, lengths_, plan_.vocabulary, context_length_);
    // Whoever observes sees a value of the whole batch at once.
    const std::size_t piece_tokens = observer == nullptr ? std::min(tokens.size(), kPieceTokens) : tokens.size();
    token_caches_.clear();
    for (const TokenInput& input : tokens) token_caches_.push_back(&caches_.at(input.sequence));
    cut(tokens, piece_tokens, observer == nullptr);
    reserve(piece_tokens);
    observer_failure_ = nullptr;
    if (observer != nullptr && observer->only_reads()) place_showings(*observer);
    run_team(threads_, [&](const Team& team) { run(batch, observer, team); });
    if (observer_failure_) std::rethrow_exception(observer_failure_);
    for (const auto& [sequence, length] : batch.lengths) lengths_[sequence] = length;
  }

  Rows logits() const override {
    return {reinterpret_cast<const float*>(logits_.data()), nullptr, outputs_.size(), plan_.vocabulary};
  }

  std::string description() const override {
    return fmt::format("fast {}, {} thread{}, cache {}", kernels_.isa, threads_, threads_ == 1 ? "" : "s",
                       cache_format_ == kernels::CacheFormat::f16 ? "f16" : "f32");
  }

 private:
  std::size_t threads() const { return static_cast<std::size_t>(threads_); }

  void check(SequenceId sequence) const {
    if (lengths_.count(sequence) == 0) throw Error(ErrorKind::usage, fmt::format("there is no sequence {}", sequence));
  }

  void cut(std::span<const TokenInput> batch, std::size_t piece_tokens, bool in_groups) {
    pieces_.clear();
    groups_.clear();
    outputs_.clear();
    for (std::size_t begin = 0; begin < batch.size(); begin += piece_tokens) {
      const std::size_t count = std::min(piece_tokens, batch.size() - begin);
      const int groups = in_groups ? group_count(count) : 1;
      const std::size_t groups_begin = groups_.size();
      for (int i = 0; i < groups; ++i) {
        const auto token = [&](int thread) { return begin + count * static_cast<std::size_t>(thread) / threads(); };
        const int first = threads_ * i / groups;
        const int last = threads_ * (i + 1) / groups;
        Group& group = groups_.emplace_back();
        group = {token(first), token(last), outputs_.size(), 0, first, last - first};
        for (std::size_t t = group.begin; t < group.end; ++t) {
          if (batch[t].wants_logits) outputs_.push_back(t - group.begin);
        }
        group.outputs_end = outputs_.size();
      }
      pieces_.push_back({groups_begin, groups_.size()});
    }
  }

  /// Of so many tokens. Experts see few of them as it is.
  int group_count(std::size_t tokens) const {
    if (has_experts_ || tokens < threads()) return 1;
    return static_cast<int>(std::clamp<std::size_t>(tokens / kGroupTokens, 1, threads()));
  }

  void reserve(std::size_t piece_tokens) {
    // Single rows are computed by every thread for itself.
    const std::size_t rows = std::max(piece_tokens, threads());
    const std::vector<std::size_t>& row_bytes = program_.region_row_bytes();
    regions_.resize(row_bytes.size());
    region_data_.resize(row_bytes.size());
    for (std::size_t i = 0; i < row_bytes.size(); ++i) {
      regions_[i].reserve(row_bytes[i] * rows);
      region_data_[i] = regions_[i].data();
    }
    logits_.reserve(outputs_.size() * plan_.vocabulary * sizeof(float));
  }

  /// Which values a reading observer sees when; kept while it wants the same ones.
  void place_showings(const Observer& observer) {
    std::vector<bool> wanted;
    for (const fast::ProgramStep& step : program_.steps()) {
      wanted.push_back(step.value >= 0 && observer.wants(value(step)));
    }
    const fast::Mode mode = {token_caches_.size() == 1, outputs_.size() == 1};
    if (wanted == wanted_ && mode == showings_mode_) return;
    showings_ = fast::place_showings(program_.steps(), wanted, mode);
    wanted_ = std::move(wanted);
    showings_mode_ = mode;
  }

  /// One thread's part of a batch.
  void run(const Batch& batch, Observer* observer, const Team& team) {
    for (const Piece& piece : pieces_) {
      team.barrier();
      const std::span<const Group> groups =
          std::span(groups_).subspan(piece.groups_begin, piece.groups_end - piece.groups_begin);
      if (groups.size() > 1) {
        run_groups(batch, groups, team);
      } else if (observer != nullptr && observer->only_reads()) {
        run_shown(frame_of(batch, groups[0], 0), *observer, team);
      } else {
        run(frame_of(batch, groups[0], 0), observer, team);
      }
    }
  }

  /// `first_row`: the group's first token in its piece.
  fast::Frame frame_of(const Batch& batch, const Group& group, std::size_t first_row) const {
    const std::size_t count = group.end - group.begin;
    fast::Frame frame;
    frame.tokens = batch.tokens.subspan(group.begin, count);
    frame.positions = std::span(batch.positions).subspan(group.begin, count);
    frame.caches = std::span(token_caches_).subspan(group.begin, count);
    frame.outputs = std::span(outputs_).subspan(group.outputs_begin, group.outputs_end - group.outputs_begin);
    frame.regions = region_data_;
    frame.first_row = first_row;
    frame.logits = logits_.data() + group.outputs_begin * plan_.vocabulary * sizeof(float);
    frame.scores = score_rows_;
    frame.scratch = std::span(scratch_data_).subspan(static_cast<std::size_t>(group.first_thread));
    return frame;
  }

  /// The threads of a group compute its tokens. Attention, which reads what all groups have stored, all compute
  /// together.
  void run_groups(const Batch& batch, std::span<const Group> groups, const Team& team) {
    std::array<fast::Frame, kMostGroups> frames;
    std::size_t mine = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      frames[i] = frame_of(batch, groups[i], groups[i].begin - groups[0].begin);
      if (groups[i].first_thread <= team.thread) mine = i;
    }
    const Team own = {team.thread - groups[mine].first_thread, groups[mine].threads, &group_barriers_[mine]};
    const fast::Frame& frame = frames[mine];
    const std::vector<std::uint8_t>& barriers = program_.barriers({false, frame.outputs.size() == 1});
    const std::vector<fast::ProgramStep>& steps = program_.steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].step->reads_other_tokens()) {
        team.barrier();
        for (std::size_t g = 0; g < groups.size(); ++g) steps[i].step->run(frames[g], team);
        team.barrier();
        continue;
      }
      if (barriers[i] != 0) own.barrier();
      if (steps[i].row_set == RowSet::all || !frame.outputs.empty()) steps[i].step->run(frame, own);
    }
  }

  /// The same for an observer that only reads.
  void run_shown(const fast::Frame& frame, Observer& observer, const Team& team) {
    const std::vector<fast::ProgramStep>& steps = program_.steps();
    const auto has_rows = [&](const fast::ProgramStep& step) { return frame.rows(step.row_set) > 0; };
    for (std::size_t i = 0; i <= steps.size(); ++i) {
      const fast::Showing& showing = showings_[i];
      if (showing.barrier_before) team.barrier();
      for (const std::uint32_t shown : showing.steps) {
        if (team.thread == 0 && has_rows(steps[shown])) show(frame, steps[shown], observer);
      }
      if (showing.barrier_after) team.barrier();
      if (i < steps.size() && has_rows(steps[i])) steps[i].step->run(frame, team);
    }
  }

  void run(const fast::Frame& frame, Observer* observer, const Team& team) {
    const std::vector<std::uint8_t>& barriers =
        program_.barriers({frame.tokens.size() == 1, frame.outputs.size() == 1});
    const std::vector<fast::ProgramStep>& steps = program_.steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (barriers[i] != 0) team.barrier();
      if (steps[i].row_set == RowSet::outputs && frame.outputs.empty()) continue;
      steps[i].step->run(frame, team);
      if (observer == nullptr || steps[i].value < 0 || !observer->wants(value(steps[i]))) continue;
      team.barrier();
      if (team.thread == 0) show(frame, steps[i], *observer);
      team.barrier();
    }
  }

  const model::Value& value(const fast::ProgramStep& step) const {
    return plan_.values[static_cast<std::size_t>(step.value)];
  }

  /// On the calling thread, which is number 0 of its team. Exceptions wait until the team is done.
  void show(const fast::Frame& frame, const fast::ProgramStep& step, Observer& observer) {
    if (observer_failure_) return;
    try {
      float* rows = frame.floats(step.place, Team{});
      observer.observe(value(step), {rows, nullptr, frame.rows(step.row_set), step.place.width});
      if (observer.only_reads() || !frame.is_own(step.place)) return;
      for (int thread = 1; thread < threads_; ++thread) {
        std::copy_n(rows, step.place.width, frame.floats(step.place, Team{thread, threads_}));
      }
    } catch (...) {
      observer_failure_ = std::current_exception();
    }
  }

  /// Of one thread, on cache lines of its own.
  std::size_t score_bytes() const {
    return (fast::kQueriesTogether * (context_length_ + 1) * sizeof(float) + 63) / 64 * 64;
  }

  const model::Plan& plan_;
  const kernels::Kernels& kernels_;
  fast::Program program_;
  int threads_;
  std::size_t context_length_;
  kernels::CacheFormat cache_format_;
  bool has_experts_;

  std::map<SequenceId, fast::HeadCache> caches_;
  std::map<SequenceId, std::size_t> lengths_;
  SequenceId next_sequence_ = 0;

  // Of the last batch; kept, because most batches are like the one before.
  std::vector<fast::HeadCache*> token_caches_;
  std::vector<std::size_t> outputs_;  // in their group
  std::vector<Piece> pieces_;
  std::vector<Group> groups_;
  std::array<TeamBarrier, kMostGroups> group_barriers_;
  std::vector<fast::AlignedBuffer> regions_;
  std::vector<std::byte*> region_data_;
  fast::AlignedBuffer logits_;
  fast::AlignedBuffer scores_;
  std::vector<float*> score_rows_;
  std::vector<fast::AlignedBuffer> scratch_;  // one a thread
  std::vector<std::byte*> scratch_data_;
  std::exception_ptr observer_failure_;
  std::vector<bool> wanted_;  // a flag a step
  fast::Mode showings_mode_;
  std::vector<fast::Showing> showings_;  // for those two
};

}  // namespace

std::unique_ptr<Engine> make_fast(const model::Plan& plan, const EngineOptions& options) {
  if (!options.precision.is_exact()) {
    throw Error(ErrorKind::usage,
                fmt::format("precision '{}': the fast engine has one arithmetic", printable(options.precision.text())),
                "Precision policies are for the oracle: --engine oracle.");
  }
  return std::make_unique<FastEngine>(plan, options);
}

}  // namespace assay::engine

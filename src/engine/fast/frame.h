// What the steps of the fast engine work on: regions of memory, and which thread touches which part of them. Knowing
// the latter, barriers are placed where one thread needs what another wrote, and nowhere else (program.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "engine/engine.h"
#include "engine/fast/head_cache.h"
#include "kernels/activations.h"

namespace assay::engine::fast {

/// The region of the logits, which holds the rows of a whole batch and stays after it.
inline constexpr int kLogitsRegion = 0;

/// The tokens a value has rows for: all of a piece, or those whose logits are asked for.
enum class RowSet : std::uint8_t { all, outputs };

/// Where a value stands. Rows follow each other without gaps.
struct Place {
  int region = -1;
  RowSet row_set = RowSet::all;
  std::size_t width = 0;
  std::size_t block_values = 0;  ///< 0: floats; else 16-bit integers, quantized by blocks of this many
  std::size_t row_bytes = 0;     ///< of memory, rounded up to a cache line
  /// Computed by whole rows. When there is one row only, every thread computes a copy for itself: that costs less than
  /// waiting for somebody else's.
  bool row_wise = false;
};

/// Which part of a region a thread touches. Two steps whose partitions are equal hand over from each thread to itself.
struct Partition {
  enum class Kind : std::uint8_t {
    any,       ///< unknown or everything: never the same as another
    own,       ///< the thread's own copy
    rows,      ///< Team::share(rows of `row_set`)
    channels,  ///< Team::share(width, grain) of every row
  };
  Kind kind = Kind::any;
  RowSet row_set = RowSet::all;
  std::size_t row_bytes = 0;
  std::size_t block_values = 0;
  std::size_t grain = 0;
  bool operator==(const Partition&) const = default;
};

struct Access {
  int region;
  Partition partition;
  bool writes;
};

/// Which row sets have exactly one row.
struct Mode {
  bool single_all = false;
  bool single_outputs = false;
  bool single(RowSet set) const { return set == RowSet::all ? single_all : single_outputs; }
  bool operator==(const Mode&) const = default;
};

/// Query heads of a key/value head that one thread takes together.
inline constexpr std::size_t kQueriesTogether = 8;

/// What changes from piece to piece of a batch.
struct Frame {
  std::span<const TokenInput> tokens;
  std::span<const std::size_t> positions;  ///< one a token, in its sequence
  std::span<HeadCache* const> caches;      ///< one a token, of its sequence
  std::span<const std::size_t> outputs;    ///< indices of the tokens that want logits
  std::span<std::byte* const> regions;
  std::size_t first_row = 0;            ///< where these tokens' rows begin in the regions
  std::byte* logits;                    ///< kLogitsRegion, from the first row of this piece
  std::span<float* const> scores;       ///< one buffer a thread, [kQueriesTogether, context length + 1]
  std::span<std::byte* const> scratch;  ///< one buffer a thread, of the largest Step::scratch_bytes()

  std::size_t rows(RowSet set) const { return set == RowSet::all ? tokens.size() : outputs.size(); }
  bool is_own(const Place& place) const { return place.row_wise && rows(place.row_set) == 1; }
  std::byte* bytes(const Place& place, const Team& team) const {
    if (place.region == kLogitsRegion) return logits;
    const std::size_t copy = is_own(place) ? static_cast<std::size_t>(team.thread) : 0;
    return regions[static_cast<std::size_t>(place.region)] + (first_row + copy) * place.row_bytes;
  }
  /// [rows, width]
  float* floats(const Place& place, const Team& team) const { return reinterpret_cast<float*>(bytes(place, team)); }
  /// The rows of a row-wise step that are this thread's to compute.
  Team::Range my_rows(const Place& output, const Team& team) const {
    return is_own(output) ? Team::Range{0, 1} : team.share(rows(output.row_set));
  }
};

/// How a step touches a place. A copy of the thread's own stays the thread's own, whatever the step does with it.
inline Partition by_anything(const Place& place, Mode mode) {
  if (place.row_wise && mode.single(place.row_set)) {
    return {Partition::Kind::own, place.row_set, place.row_bytes, place.block_values, 0};
  }
  return {};
}
inline Partition by_rows(const Place& place, Mode mode) {
  if (mode.single(place.row_set)) return by_anything(place, mode);
  return {Partition::Kind::rows, place.row_set, place.row_bytes, place.block_values, 0};
}
inline Partition by_channels(const Place& place, std::size_t grain, Mode mode) {
  if (place.row_wise && mode.single(place.row_set)) return by_anything(place, mode);
  return {Partition::Kind::channels, place.row_set, place.row_bytes, place.block_values, grain};
}

/// The rows of a quantized place.
inline kernels::QuantizedRows quantized_rows(const Frame& frame, const Place& place, const Team& team) {
  const std::size_t rows = frame.is_own(place) ? 1 : frame.rows(place.row_set);
  return {frame.bytes(place, team), rows, place.width, place.block_values};
}

/// One step, bound to its kernels, weights and places.
class Step {
 public:
  virtual ~Step() = default;
  /// This thread's part. Called by every thread of the team; throws nothing.
  virtual void run(const Frame& frame, const Team& team) const = 0;
  virtual void append_accesses(Mode mode, std::vector<Access>& accesses) const = 0;
  /// Whether what it computes for a token depends on other tokens of the batch.
  virtual bool reads_other_tokens() const { return false; }
  /// Memory that a thread needs while it runs the step.
  virtual std::size_t scratch_bytes() const { return 0; }
};

}  // namespace assay::engine::fast

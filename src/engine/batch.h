// What every engine does before it computes: options resolved, a batch checked and its tokens given their positions,
// and the memory of the plan's values laid out.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "model/plan.h"

namespace assay::engine {

/// The threads that the options ask for. Throws Error{usage} for a negative number.
int resolve_threads(const EngineOptions& options);

/// The context length that the options ask for, which may pass the one the model was trained for. Throws Error{usage}
/// above model::kMaxContextLength.
std::size_t resolve_context_length(const EngineOptions& options, const model::Plan& plan);

/// A checked batch. `tokens` must outlive it.
struct Batch {
  std::span<const TokenInput> tokens;
  std::vector<std::size_t> positions;         ///< of each token in its sequence
  std::vector<std::size_t> outputs;           ///< indices of the tokens that want logits, ascending
  std::map<SequenceId, std::size_t> lengths;  ///< what each sequence of the batch holds afterwards
};

/// `lengths` is what the sequences hold. Throws Error{usage}, and nothing has changed, when a token id is outside the
/// vocabulary, a sequence is unknown, or one would pass the context length.
Batch check_batch(std::span<const TokenInput> tokens, const std::map<SequenceId, std::size_t>& lengths,
                  std::size_t vocabulary, std::size_t context_length);

/// Memory for the values of a plan. A value lives from its step to its last use; values that never live together share
/// a slot. A step's output never shares the slot of its inputs. The logits' slot is nobody else's.
struct ValueSlots {
  struct Slot {
    std::size_t width;  ///< channels
    bool only_outputs;  ///< has rows only for tokens that want logits
  };
  std::vector<Slot> slots;
  std::vector<std::size_t> slot_of;  ///< by ValueId
};
ValueSlots assign_slots(const model::Plan& plan);

}  // namespace assay::engine

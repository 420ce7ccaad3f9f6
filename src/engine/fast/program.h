// A plan made ready to run: its operations as steps of the fast engine, with the quantizations and gathers that they
// need between them, a place for every value (places are reused once nobody reads them any more), and the barriers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/fast/frame.h"
#include "kernels/kernels.h"
#include "model/plan.h"

namespace assay::engine::fast {

struct ProgramStep {
  std::unique_ptr<Step> step;
  RowSet row_set = RowSet::all;
  model::ValueId value = -1;  ///< the plan's value that it writes, or -1
  Place place;                ///< of that value
};

class Program {
 public:
  /// Throws Error{unsupported} that names a tensor whose type has no product. `plan` and `kernels` must outlive the
  /// result.
  Program(const model::Plan& plan, const kernels::Kernels& kernels);

  const std::vector<ProgramStep>& steps() const { return steps_; }
  /// One flag a step.
  const std::vector<std::uint8_t>& barriers(Mode mode) const {
    return barriers_[mode.single_all ? 2 : mode.single_outputs];
  }
  /// Bytes that each region needs for one row.
  const std::vector<std::size_t>& region_row_bytes() const { return region_row_bytes_; }
  /// The most that a step needs of Frame::scratch.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  std::vector<ProgramStep> steps_;
  std::array<std::vector<std::uint8_t>, 3> barriers_;  // many rows; one output row; one row
  std::vector<std::size_t> region_row_bytes_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace assay::engine::fast

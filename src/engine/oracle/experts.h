// How a linear step of experts walks over its slots, whatever the arithmetic.
#pragma once

#include <cstddef>
#include <limits>

#include "engine/experts.h"
#include "engine/oracle/operations.h"

namespace assay::engine::oracle {

/// One slot of one token: the vector that its expert multiplies, and the outputs.
struct Slot {
  std::size_t row;
  std::size_t number;
  const double* x;
  double* out;
};

class Slots {
 public:
  /// `call` with its own indices; `x` is the first input, perhaps rounded.
  Slots(const model::ExpertLinear& linear, const Call& call, const Input& x)
      : linear_(linear),
        call_(call),
        x_(x),
        inputs_(static_cast<std::size_t>(call.plan.weights[static_cast<std::size_t>(linear.weight)]->row_values())),
        slots_(call.width / linear.outputs) {}

  std::size_t inputs() const { return inputs_; }
  /// Each slot has a vector of its own.
  bool are_apart() const { return x_.width != inputs_; }

  /// each(Slot) for the slots of one expert; false when there are none.
  template <typename Each>
  bool of(std::size_t expert, const Each& each) const {
    bool any = false;
    for (std::size_t row = 0; row < call_.rows; ++row) {
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        if (matrix_of_slot(chosen(row), slot) != static_cast<double>(expert)) continue;
        each(at(row, slot));
        any = true;
      }
    }
    return any;
  }

  /// Where no expert was named, outputs begin .. end become NaN.
  void spoil_unnamed(std::size_t begin, std::size_t end) const {
    for (std::size_t row = 0; row < call_.rows; ++row) {
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        if (index_of(matrix_of_slot(chosen(row), slot), linear_.experts) < linear_.experts) continue;
        for (std::size_t r = begin; r < end; ++r) at(row, slot).out[r] = std::numeric_limits<double>::quiet_NaN();
      }
    }
  }

 private:
  /// Null where there are no indices.
  const double* chosen(std::size_t row) const {
    return call_.inputs[1].data == nullptr ? nullptr : call_.inputs[1].row(row);
  }
  Slot at(std::size_t row, std::size_t slot) const {
    return {row, slot, x_.row(row) + (are_apart() ? slot * inputs_ : 0),
            call_.output + row * call_.width + slot * linear_.outputs};
  }

  const model::ExpertLinear& linear_;
  const Call& call_;
  const Input& x_;
  std::size_t inputs_;
  std::size_t slots_;
};

}  // namespace assay::engine::oracle

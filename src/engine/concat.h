// model::Concat, whatever the numbers are: it only copies them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "model/plan.h"

namespace assay::engine {

/// One row of an input.
template <typename T>
struct ConcatInput {
  const T* row;
  std::size_t width;
};

/// As many inputs as the step has parts; further ones are not read.
template <typename T, std::size_t kInputs>
void concatenate(const model::Concat& concat, const std::array<ConcatInput<T>, kInputs>& inputs, T* out) {
  for (std::size_t group = 0; group < concat.groups; ++group) {
    for (std::size_t i = 0; i < concat.parts.size(); ++i) {
      const model::Concat::Part& part = concat.parts[i];
      const std::size_t own = inputs[i].width == part.width ? 0 : group * part.width;
      out = std::copy_n(inputs[i].row + own + part.first, part.count, out);
    }
  }
}

}  // namespace assay::engine

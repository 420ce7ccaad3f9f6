// Counts what operator new hands out, to hold the reader to its memory limit.
#pragma once

#include <cstddef>

namespace assay::test {

/// The most bytes that were allocated at one time since construction, beyond those allocated then.
class AllocationPeak {
 public:
  AllocationPeak();
  std::size_t bytes() const;

 private:
  std::size_t before_;
};

}  // namespace assay::test

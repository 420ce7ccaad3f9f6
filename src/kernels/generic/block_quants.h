// The quants of a super-block, a quarter of 64 after the other. An instruction set may specialize this for formats of
// which it takes apart more at once than a quarter.
//
// Included after the instruction set's vec.h.
#pragma once

#include "kernels/generic/token.h"

namespace assay::kernels {
namespace {

template <typename Format>
class BlockQuants {
 public:
  BlockQuants() = default;
  explicit BlockQuants(const Byte* block) : block_(block) {}

  /// As the format's quants<kQuarter>() says them.
  template <int kQuarter>
  Int quarter() const {
    return Format::template quants<kQuarter>(block_);
  }

 private:
  const Byte* block_;
};

}  // namespace
}  // namespace assay::kernels

// Keys and values of one sequence, for all layers: per layer the keys of head 0, 1, ..., then the values of head 0, 1,
// ..., each [capacity, head_width] without gaps, so that attention reads one head straight through. Memory is reserved
// for the whole capacity and becomes real with the positions that are written.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"

namespace assay::engine::fast {

class HeadCache {
 public:
  /// For `capacity` positions of `kv_width` channels in each of `layers`. Throws Error{usage} when that is more than
  /// can be addressed.
  HeadCache(std::size_t layers, std::size_t kv_width, std::size_t capacity, kernels::CacheFormat format);
  HeadCache(const HeadCache&) = delete;
  HeadCache& operator=(const HeadCache&) = delete;
  ~HeadCache();

  kernels::CacheFormat format() const { return format_; }
  std::size_t element_bytes() const { return format_ == kernels::CacheFormat::f32 ? 4 : 2; }

  /// Position 0 of the keys of the head whose first channel is `channel`; positions stand head_width elements apart.
  std::byte* keys(std::size_t layer, std::size_t channel) const { return at(2 * layer, channel); }
  std::byte* values(std::size_t layer, std::size_t channel) const { return at(2 * layer + 1, channel); }

 private:
  std::byte* at(std::size_t half_layer, std::size_t channel) const {
    return memory_ + (half_layer * kv_width_ + channel) * capacity_ * element_bytes();
  }

  std::size_t kv_width_;
  std::size_t capacity_;
  kernels::CacheFormat format_;
  std::size_t size_bytes_;
  std::byte* memory_;
};

}  // namespace assay::engine::fast

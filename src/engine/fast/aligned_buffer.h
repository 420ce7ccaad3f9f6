// Uninitialized memory that begins at a cache line and only grows.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace assay::engine::fast {

class AlignedBuffer {
 public:
  /// Afterwards at least `size_bytes` are there; the contents are lost when it grows.
  void reserve(std::size_t size_bytes) {
    if (size_bytes <= size_bytes_) return;
    memory_.reset();
    size_bytes_ = 0;
    memory_.reset(static_cast<std::byte*>(::operator new(size_bytes, kAlignment)));
    size_bytes_ = size_bytes;
  }
  std::byte* data() const { return memory_.get(); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Delete> memory_;
  std::size_t size_bytes_ = 0;
};

}  // namespace assay::engine::fast

#include "engine/fast/head_cache.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/error.h"

namespace assay::engine::fast {
namespace {

std::byte* reserve(std::size_t size_bytes) {
  if (size_bytes == 0) return nullptr;
  void* memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

}  // namespace

HeadCache::HeadCache(std::size_t layers, std::size_t kv_width, std::size_t capacity, kernels::CacheFormat format)
    : kv_width_(kv_width), capacity_(capacity), format_(format), size_bytes_(0), memory_(nullptr) {
  const std::size_t position_bytes = 2 * layers * kv_width * element_bytes();
  const bool overflows = __builtin_mul_overflow(position_bytes, capacity, &size_bytes_);
  if (!overflows) memory_ = reserve(size_bytes_);
  if (memory_ == nullptr && position_bytes > 0) {
    throw Error(ErrorKind::usage,
                fmt::format("no memory for a context of {} positions of {} bytes each", capacity, position_bytes),
                "ask for a shorter context, or for a cache of f16");
  }
}

HeadCache::~HeadCache() {
  if (memory_ != nullptr) munmap(memory_, size_bytes_);
}

}  // namespace assay::engine::fast

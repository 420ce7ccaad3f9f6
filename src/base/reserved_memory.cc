#include "base/reserved_memory.h"

#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

namespace assay {

ReservedMemory::ReservedMemory(std::size_t size_bytes) {
  if (size_bytes == 0) return;
  void* address = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    throw Error(ErrorKind::io, fmt::format("no room for {} bytes: {}", size_bytes, std::strerror(errno)));
  }
  bytes_ = {static_cast<std::byte*>(address), size_bytes};
}

ReservedMemory::~ReservedMemory() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

void ReservedMemory::give_back(std::size_t offset, std::size_t size_bytes) {
  assert(offset + size_bytes <= bytes_.size());
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t first = (offset + page - 1) / page * page;
  const std::size_t end = (offset + size_bytes) / page * page;
  if (first < end) madvise(bytes_.data() + first, end - first, MADV_DONTNEED);
}

}  // namespace assay

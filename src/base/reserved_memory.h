// Memory that is promised and not yet taken: the system gives a page when it is first written. For data that are made
// when they are needed, larger together than memory may be.
#pragma once

#include <cstddef>
#include <span>

namespace assay {

class ReservedMemory {
 public:
  /// Zeros. Throws Error{io} when the system has no room for so many addresses.
  explicit ReservedMemory(std::size_t size_bytes);
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;
  ~ReservedMemory();

  std::span<std::byte> bytes() { return bytes_; }
  /// Gives back the whole pages of a part, which are zeros then.
  void give_back(std::size_t offset, std::size_t size_bytes);

 private:
  std::span<std::byte> bytes_;
};

}  // namespace assay

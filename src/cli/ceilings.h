// What this machine allows at most, measured: bytes a second from memory, and operations a second of the instructions
// that products are made of. Beside them stands what a model reaches in the same run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace assay::cli {

/// Reads a buffer several times larger than the last-level cache.
class MemoryReader {
 public:
  /// Takes the memory: up to 1 GiB. Throws std::bad_alloc.
  explicit MemoryReader(int threads);
  /// One pass of all threads together, each over its share. There are several ways to read, of which another one is
  /// fastest on another CPU.
  void read(std::size_t way);
  static std::size_t ways();
  std::size_t bytes() const { return words_ * sizeof(std::uint64_t); }

 private:
  int threads_;
  std::size_t words_;
  std::unique_ptr<std::uint64_t[]> buffer_;
};

/// Multiplications and additions in registers only, in independent chains, on all threads.
struct Multiplier {
  std::string_view instruction;       ///< "vpdpbusd"
  double operations_per_round;        ///< of one thread; a multiplication and an addition are two
  void (*run)(std::uint64_t rounds);  ///< on the calling thread
};

/// The 8-bit multiplication that the kernels of `isa` (kernels::Kernels::isa) use for quantized weights, and the float
/// multiply-add for the others.
Multiplier byte_multiplier(std::string_view isa);
Multiplier float_multiplier(std::string_view isa);

/// Runs it on `threads` threads for some milliseconds. Returns operations.
double multiply(const Multiplier& multiplier, int threads);

/// The largest resident size of this process so far.
std::uint64_t peak_memory_bytes();

}  // namespace assay::cli

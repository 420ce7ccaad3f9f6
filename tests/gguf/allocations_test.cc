#include "tests/gguf/allocations.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "base/error.h"
#include "gguf/file.h"
#include "tests/support/gguf_bytes.h"

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): operator new has no other place to count.
std::atomic<std::size_t> g_live{0}, g_peak{0};

void* counted(std::size_t size_bytes) {
  void* memory = std::malloc(size_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t live = g_live += ::malloc_usable_size(memory);
  if (live > g_peak) g_peak = live;
  return memory;
}

void discard(void* memory) {
  g_live -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size_bytes) { return counted(size_bytes); }
void* operator new[](std::size_t size_bytes) { return counted(size_bytes); }
void operator delete(void* memory) noexcept { discard(memory); }
void operator delete[](void* memory) noexcept { discard(memory); }
void operator delete(void* memory, std::size_t) noexcept { discard(memory); }
void operator delete[](void* memory, std::size_t) noexcept { discard(memory); }

namespace assay::test {

AllocationPeak::AllocationPeak() : before_(g_live) { g_peak = before_; }
std::size_t AllocationPeak::bytes() const { return g_peak - before_; }

namespace {

constexpr std::size_t kLimit = 64U << 20;

TEST(Allocations, AreCounted) {
  const AllocationPeak peak;
  { const std::vector<char> large(kLimit); }
  EXPECT_GE(peak.bytes(), kLimit);
  EXPECT_LT(peak.bytes(), kLimit + 4096);
}

/// The peak of reading a sparse file that begins with `head` and goes on with zeros for 16 GiB.
std::size_t peak_with_zeros_behind(const GgufBytes& head) {
  const auto path = std::filesystem::path(testing::TempDir()) / ("sparse-" + std::to_string(::getpid()) + ".gguf");
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  EXPECT_GE(file, 0);
  EXPECT_EQ(::write(file, head.text().data(), head.text().size()), static_cast<ssize_t>(head.text().size()));
  EXPECT_EQ(::ftruncate(file, off_t{16} << 30), 0);
  ::close(file);
  const AllocationPeak peak;
  EXPECT_THROW(gguf::File::open(path), Error);
  std::filesystem::remove(path);
  return peak.bytes();
}

// With zeros enough behind it, a hostile count is true: so the size of a file cannot be the only limit.
TEST(Allocations, SparseFilesStayBelowTheLimit) {
  constexpr std::uint64_t kBillion = 1'000'000'000;
  using B = GgufBytes;
  for (const GgufBytes& head :
       {B(0, 1).key("k", B::kArray).array(B::kString, kBillion), B(0, 1).key("k", B::kArray).array(B::kArray, kBillion),
        B(0, 1).key("k", B::kArray).array(B::kUint8, kBillion), B(kBillion / 10, 0), B(0, kBillion),
        B(0, 1, 1).key("k", B::kArray).array(B::kString, kBillion)}) {
    EXPECT_LT(peak_with_zeros_behind(head), std::size_t{1} << 20);
  }
}

/// The most that the reader lets a file have of each table, with files that are really so large.
TEST(Allocations, TheLargestTablesStayBelowTheLimit) {
  using B = GgufBytes;
  const auto peak_of = [](const GgufBytes& file) {
    const AllocationPeak peak;
    const gguf::File parsed = gguf::File::parse("large.gguf", file.bytes());
    return peak.bytes();
  };
  {
    constexpr std::uint64_t kCount = 3'000'000;
    EXPECT_LT(peak_of(B(0, 1).key("k", B::kArray).array(B::kString, kCount).zeros(8 * kCount)), kLimit);
  }
  {
    constexpr std::uint64_t kCount = 400'000;
    EXPECT_LT(peak_of(B(0, 1).key("k", B::kArray).array(B::kArray, kCount).zeros(12 * kCount)), kLimit);
  }
  {
    constexpr std::uint64_t kCount = 200'000;
    B file(0, kCount);
    for (std::uint64_t i = 0; i < kCount; ++i) file.key(std::to_string(i), B::kUint8).raw("x");
    EXPECT_LT(peak_of(file), kLimit);
  }
  {
    constexpr std::uint64_t kCount = 100'000;
    B file(kCount, 0);
    for (std::uint64_t i = 0; i < kCount; ++i) file.tensor(std::to_string(i), {1, 1, 1, 1}, B::kF32, 32 * i);
    EXPECT_LT(peak_of(file.pad().zeros(32 * kCount)), kLimit);
  }
}

}  // namespace
}  // namespace assay::test

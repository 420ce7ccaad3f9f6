// ASSAY_ISA: what is asked for is what runs, or a clear error. Each case asks in a process of its own, because the
// choice is made once a process.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "tests/kernels/weights.h"

namespace assay::kernels {
namespace {

/// Types that have products of their own for every instruction set, but for amx, which leaves the first three to
/// avx512, and zen4, which leaves it all but a few.
constexpr std::uint32_t kIdsWithVectors[] = {0, 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 19, 20, 22, 29};
bool is_float(std::uint32_t id) { return id == 0 || id == 1 || id == 30; }

bool is_of_avx512(const std::string& isa) { return isa == "avx512" || isa == "zen4" || isa == "amx"; }
bool leaves_to_avx512(const std::string& isa, std::uint32_t id) {
  if (isa == "zen4") return id != 12 && id != 14 && id != 19 && id != 22 && id != 29;
  return isa == "avx512" || is_float(id);
}

/// An emulator of another CPU cannot start a program anew; there a fork must do, and nothing else here asks for
/// kernels().
void use_processes() {
#if !defined(ASSAY_EMULATED)
  GTEST_FLAG_SET(death_test_style, "threadsafe");
#endif
}

class ForcedIsa : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { use_processes(); }
};

/// Ends the process with 0 when `isa` was chosen, and its own functions with it.
[[noreturn]] void exit_after_asking_for(const char* isa) {
  setenv("ASSAY_ISA", isa, 1);  // NOLINT(concurrency-mt-unsafe): the only thread
  const Kernels& chosen = kernels();
  bool is_right = std::string(chosen.isa) == isa && &chosen == find_kernels(isa);
  for (const char* other : {"scalar", "avx2", "avx512", "zen4", "amx", "neon", "i8mm"}) {
    const Kernels* table = find_kernels(other);
    if (table == nullptr || table == &chosen) continue;
    const bool shares = is_of_avx512(isa) && is_of_avx512(other);
    is_right = is_right && (table->softmax == chosen.softmax) == shares;
    for (const std::uint32_t id : kIdsWithVectors)
      is_right = is_right && (table->product[id] == chosen.product[id]) ==
                                 (shares && leaves_to_avx512(isa, id) && leaves_to_avx512(other, id));
  }
  std::_Exit(is_right ? 0 : 1);
}

TEST_P(ForcedIsa, Runs) {
  if (find_kernels(GetParam()) == nullptr) GTEST_SKIP() << "this machine lacks " << GetParam();
  EXPECT_EXIT(exit_after_asking_for(GetParam()), testing::ExitedWithCode(0), "");
}

const auto kName = [](const auto& isa) { return std::string(isa.param); };
INSTANTIATE_TEST_SUITE_P(Specified, ForcedIsa, testing::Values("scalar"), kName);
INSTANTIATE_TEST_SUITE_P(Select, ForcedIsa, testing::ValuesIn(test::vector_isas()), kName);

[[noreturn]] void exit_with_error_of(const char* isa) {
  setenv("ASSAY_ISA", isa, 1);  // NOLINT(concurrency-mt-unsafe): the only thread
  try {
    kernels();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s (%s)", error.what(), error.hint().c_str());
    std::_Exit(error.kind() == ErrorKind::usage ? 2 : 3);
  }
  std::_Exit(0);
}

TEST(Select, UnknownNameIsAnError) {
  use_processes();
  EXPECT_EXIT(exit_with_error_of("avx9"), testing::ExitedWithCode(2),
              "'avx9' is no instruction set.*scalar, avx2, avx512, zen4, amx, neon or i8mm");
}

TEST(Select, AForeignCpusSetIsAnError) {
  use_processes();
#if defined(__x86_64__)
  EXPECT_EXIT(exit_with_error_of("neon"), testing::ExitedWithCode(2),
              "this CPU or its operating system lacks neon, which needs a 64-bit ARM CPU .*this machine has scalar");
#else
  EXPECT_EXIT(exit_with_error_of("avx2"), testing::ExitedWithCode(2),
              "this CPU or its operating system lacks avx2, which needs AVX2, .*this machine has scalar");
#endif
}

TEST(Select, EmptyMeansTheBest) {
  use_processes();
  EXPECT_EXIT(
      {
        setenv("ASSAY_ISA", "", 1);  // NOLINT(concurrency-mt-unsafe): the only thread
        const CpuFeatures cpu = detect_cpu();
        std::string best = cpu.avx512 ? "avx512" : cpu.avx2 ? "avx2" : cpu.neon ? "neon" : "scalar";
        if (cpu.zen4) best = "zen4";
        if (cpu.amx) best = "amx";
        if (cpu.i8mm) best = "i8mm";
        std::_Exit(kernels().isa == best ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Select, UnknownTableIsNull) { EXPECT_EQ(find_kernels("avx9"), nullptr); }

}  // namespace
}  // namespace assay::kernels

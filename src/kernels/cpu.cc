#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cstdint>

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace assay::kernels {

#if defined(__x86_64__)
namespace {

struct Registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All zero when the CPU has no such leaf.
Registers cpuid(std::uint32_t leaf) {
  Registers r;
  if (__get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

bool is_of_amd() {
  const Registers vendor = cpuid(0);  // "AuthenticAMD" in ebx, edx, ecx
  return vendor.ebx == 0x68747541 && vendor.edx == 0x69746E65 && vendor.ecx == 0x444D4163;
}

/// The register states the operating system saves and restores (XCR0). Needs the OSXSAVE bit.
std::uint32_t enabled_states() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/// Linux keeps the tiles' state only for processes that asked for it.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM, since Linux 5.16
  constexpr long kTileData = 18;               // the state's bit in XCR0
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

constexpr bool has_all(std::uint32_t value, std::uint32_t bits) { return (value & bits) == bits; }
constexpr std::uint32_t bit(int n) { return std::uint32_t{1} << n; }

}  // namespace

CpuFeatures detect_cpu() {
  constexpr std::uint32_t kFma = bit(12);
  constexpr std::uint32_t kOsXsave = bit(27);
  constexpr std::uint32_t kAvx = bit(28);
  constexpr std::uint32_t kF16c = bit(29);
  constexpr std::uint32_t kAvx2AndBmi2 = bit(5) | bit(8);                      // leaf 7, ebx
  constexpr std::uint32_t kAvx512 = bit(16) | bit(17) | bit(30) | bit(31);     // F, DQ, BW, VL: leaf 7, ebx
  constexpr std::uint32_t kVbmiAndVnni = bit(1) | bit(11);                     // leaf 7, ecx
  constexpr std::uint32_t kAmx = bit(24) | bit(25);                            // TILE, INT8: leaf 7, edx
  constexpr std::uint32_t kYmmStates = bit(1) | bit(2);                        // XCR0: xmm, upper halves of ymm
  constexpr std::uint32_t kZmmStates = kYmmStates | bit(5) | bit(6) | bit(7);  // masks, upper zmm, zmm16-31
  constexpr std::uint32_t kTileStates = bit(17) | bit(18);                     // configuration, data

  CpuFeatures features;
  const Registers basic = cpuid(1);
  if (!has_all(basic.ecx, kFma | kOsXsave | kAvx | kF16c)) return features;
  const std::uint32_t states = enabled_states();
  const Registers extended = cpuid(7);
  features.avx2 = has_all(states, kYmmStates) && has_all(extended.ebx, kAvx2AndBmi2);
  features.avx512 = features.avx2 && has_all(states, kZmmStates) && has_all(extended.ebx, kAvx512) &&
                    has_all(extended.ecx, kVbmiAndVnni);
  features.zen4 = features.avx512 && is_of_amd();
  features.amx = features.avx512 && has_all(states, kTileStates) && has_all(extended.edx, kAmx) && may_use_tiles();
  return features;
}

#elif defined(__aarch64__)

CpuFeatures detect_cpu() {
  constexpr unsigned long kDotProducts = 1UL << 20;  // HWCAP_ASIMDDP
  constexpr unsigned long kMatrices = 1UL << 13;     // HWCAP2_I8MM
  CpuFeatures features;
  features.neon = (getauxval(AT_HWCAP) & kDotProducts) != 0;
  features.i8mm = features.neon && (getauxval(AT_HWCAP2) & kMatrices) != 0;
  return features;
}

#else

CpuFeatures detect_cpu() { return {}; }

#endif

}  // namespace assay::kernels

// Which table runs: the best one this machine supports, or the one that ASSAY_ISA names.
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernels/amx_table.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "kernels/scalar/table.h"
#include "kernels/tables.h"

namespace assay::kernels {
namespace {

/// `better`, with what it lacks for some types taken from `worse`.
Kernels overlay(const Kernels& worse, Kernels better) {
  for (std::size_t id = 0; id < kMaxTypes; ++id) {
    if (better.product[id] == nullptr) better.product[id] = worse.product[id];
    if (better.exact[id].decode == nullptr) better.exact[id] = worse.exact[id];
  }
  return better;
}

/// Tables this machine supports, worst to best.
const std::vector<Kernels>& available() {
  static const std::vector<Kernels> tables = [] {
    std::vector<Kernels> list = {scalar::make_table()};
    [[maybe_unused]] const CpuFeatures cpu = detect_cpu();
#if defined(__x86_64__)
    if (cpu.avx2) list.push_back(overlay(list.back(), kAvx2Kernels));
    if (cpu.avx512) {
      const Kernels avx512 = overlay(list.back(), kAvx512Kernels);
      const Kernels zen4 = with_products(avx512, kZen4Kernels);
      list.push_back(cpu.zen4 ? avx512 : zen4);
      list.push_back(cpu.zen4 ? zen4 : avx512);
    }
    if (cpu.amx) {
      const Kernels amx = with_products(list.back(), kAmxKernels);
      if (products_agree(amx, list.back())) list.push_back(amx);
    }
#elif defined(__aarch64__)
    if (cpu.neon) list.push_back(overlay(list.back(), kNeonKernels));
    if (cpu.i8mm) list.push_back(overlay(list.back(), kI8mmKernels));
#endif
    return list;
  }();
  return tables;
}

/// What a CPU must have for an instruction set's table; empty for an unknown name.
std::string_view needs_of(std::string_view isa) {
  if (isa == "avx2") return "AVX2, FMA, F16C and BMI2";
  if (isa == "avx512") return "AVX-512 F, BW, DQ, VL, VBMI and VNNI";
  if (isa == "zen4") return "what avx512 needs";
  if (isa == "amx") return "what avx512 needs, AMX-TILE, AMX-INT8 and, in a short check of itself, avx512's bits";
  if (isa == "neon") return "a 64-bit ARM CPU with dot products of bytes (asimddp)";
  if (isa == "i8mm") return "a 64-bit ARM CPU with dot products and products of matrices of bytes (asimddp, i8mm)";
  return {};
}

const Kernels& select() {
  const char* wanted =
      std::getenv("ASSAY_ISA");  // NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment
  if (wanted == nullptr || *wanted == '\0') return available().back();
  if (const Kernels* found = find_kernels(wanted)) return *found;
  const std::string_view needs = needs_of(wanted);
  if (needs.empty()) {
    throw Error(ErrorKind::usage, "ASSAY_ISA: '" + std::string(wanted) + "' is no instruction set",
                "set it to scalar, avx2, avx512, zen4, amx, neon or i8mm, or unset it for the best this machine has");
  }
  std::string names;
  for (const Kernels& table : available()) names += (names.empty() ? "" : ", ") + std::string(table.isa);
  throw Error(ErrorKind::usage,
              "ASSAY_ISA: this CPU or its operating system lacks " + std::string(wanted) + ", which needs " +
                  std::string(needs),
              "this machine has " + names + "; unset ASSAY_ISA for the best of them");
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = select();
  return chosen;
}

const Kernels* find_kernels(const char* isa) {
  for (const Kernels& table : available())
    if (std::string_view(table.isa) == isa) return &table;
  return nullptr;
}

}  // namespace assay::kernels

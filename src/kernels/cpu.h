// What this CPU can do and its operating system lets it do, asked by hand: a CPU's bit without the system's permission
// to use the registers is no support, and compilers' own helpers know too few names.
#pragma once

namespace assay::kernels {

struct CpuFeatures {
  bool avx2 = false;    ///< AVX2, FMA, F16C, BMI2
  bool avx512 = false;  ///< the above and AVX-512 F, BW, DQ, VL, VBMI, VNNI
  bool zen4 = false;    ///< avx512 of AMD, which multiplies ints as fast as words and gathers slowly
  bool amx = false;     ///< avx512 and AMX-TILE and AMX-INT8, which this process may use
  bool neon = false;    ///< NEON with dot products of bytes
  bool i8mm = false;    ///< the above and products of matrices of bytes
};

/// Linux lets a process use AMX when it asks, for all its threads: this asks.
CpuFeatures detect_cpu();

}  // namespace assay::kernels

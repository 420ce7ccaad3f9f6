// The quantized types that have kernels, with their ggml_type.
//
// Included after the instruction set's vec.h and the formats of small blocks that go with it.
#pragma once

#include "kernels/generic/grid_formats.h"
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

/// set.small<Format, id>() for each type with blocks of 32 values, set.super<Format, id>() for each with 256.
template <typename Set>
constexpr void for_each_quantized_type(const Set& set) {
  set.template small<Q40, 2>();
  set.template small<Q41, 3>();
  set.template small<Q50, 6>();
  set.template small<Q51, 7>();
  set.template small<Q80, 8>();
  set.template small<Q81, 9>();
  set.template small<Iq4Nl, 20>();
  set.template small<Mxfp4, 39>();
  set.template super<Q2K, 10>();
  set.template super<Q3K, 11>();
  set.template super<Q4K, 12>();
  set.template super<Q5K, 13>();
  set.template super<Q6K, 14>();
  set.template super<Q8K, 15>();
  set.template super<Iq2Xxs, 16>();
  set.template super<Iq2Xs, 17>();
  set.template super<Iq3Xxs, 18>();
  set.template super<Iq1S, 19>();
  set.template super<Iq3S, 21>();
  set.template super<Iq2S, 22>();
  set.template super<Iq4Xs, 23>();
  set.template super<Iq1M, 29>();
  set.template super<Tq10, 34>();
  set.template super<Tq20, 35>();
}

}  // namespace
}  // namespace assay::kernels

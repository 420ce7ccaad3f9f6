// The products of AMX's table: few tokens as AVX-512 has them, many on tiles.
//
// Included after avx512/vec.h and tiles.h (or tests' own tiles).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/amx/small_block_tiles.h"
#include "kernels/amx/super_block_tiles.h"
#include "kernels/generic/quantized_types.h"
#include "kernels/tables.h"

namespace assay::kernels {
namespace {

template <typename Panel, typename Format, std::uint32_t kId>
void product_of_any_tokens(const std::byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x,
                           float* out, std::size_t out_stride) {
  if (x.tokens < kFewestTileTokens) {
    kAvx512Kernels.product[kId](weights, row_bytes, row_count, x, out, out_stride);
  } else {
    tile_product<Panel>(unpack_panel<Panel, Format>, weights, row_bytes, row_count, x, out, out_stride);
  }
}

struct SetProducts {
  Kernels& table;

  template <typename Format, std::uint32_t kId>
  constexpr void small() const {
    table.product[kId] = product_of_any_tokens<SmallBlockTiles<Format::kHasMin>, Format, kId>;
  }
  template <typename Format, std::uint32_t kId>
  constexpr void super() const {
    table.product[kId] = product_of_any_tokens<SuperBlockTilesOf<Format>, Format, kId>;
  }
};

/// A table of nothing but products of quantized weights.
constexpr Kernels make_products(const char* isa) {
  Kernels table = {};
  table.isa = isa;
  for_each_quantized_type(SetProducts{table});
  return table;
}

}  // namespace
}  // namespace assay::kernels

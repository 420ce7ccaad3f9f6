// The tile registers of AMX: what tile_product.h is written over. Registers 0-3 hold sums, 16 x 16 ints; 4 and 5 bytes
// of sixteen tokens; 6 and 7 bytes of sixteen rows of weights, four neighbouring values of each in turn.
//
// The instructions are written out, because GCC 12's functions take no template arguments and do not say what they
// read and write; no flag is needed for them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::kernels {
namespace {

/// What LDTILECFG loads.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfiguration) == 64);

/// Tiles of tokens and weights with `values` values each (a multiple of 4, at most 64).
constexpr TileConfiguration tiles_of(std::uint16_t values) {
  TileConfiguration tiles;
  for (int i = 0; i < 8; ++i) {
    const bool is_token = i == 4 || i == 5;
    tiles.row_bytes[i] = is_token ? values : 64;
    tiles.rows[i] = static_cast<std::uint8_t>(i > 5 ? values / 4 : 16);
  }
  return tiles;
}

/// The calling thread's tiles from here to the end of the scope. A thread that holds none costs the system nothing.
class Tiles {
 public:
  explicit Tiles(const TileConfiguration& tiles) { __asm__ volatile("ldtilecfg %0" : : "m"(tiles)); }
  ~Tiles() { __asm__ volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

template <int kTile>
inline void zero_tile() {
  __asm__ volatile("tilezero %%tmm%c0" : : "i"(kTile));
}
/// Rows that stand 64 bytes apart.
template <int kTile>
inline void load_tile(const void* rows) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(std::size_t{64}), "i"(kTile) : "memory");
}
template <int kTile>
inline void store_tile(void* rows) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(rows), "r"(std::size_t{64}), "i"(kTile) : "memory");
}
/// sums += products of signed bytes of tokens with signed bytes of weights; of unsigned bytes of tokens with them.
template <int kSums, int kTokens, int kWeights>
inline void add_signed_products() {
  __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kTokens), "i"(kWeights));
}
template <int kSums, int kTokens, int kWeights>
inline void add_unsigned_products() {
  __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kTokens), "i"(kWeights));
}

}  // namespace
}  // namespace assay::kernels

// What src/kernels/amx/tiles.h says, in plain C++, for machines without AMX: Intel's description of the instructions,
// with their conditions. Whatever a CPU would refuse ends the program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::kernels {
namespace {

struct TileConfiguration {
  std::size_t token_bytes;  ///< of a row of tiles 4 and 5
  std::size_t weight_rows;  ///< of tiles 6 and 7
  bool is_loaded;
};
constexpr TileConfiguration tiles_of(std::uint16_t values) { return {values, std::size_t{values} / 4, true}; }

struct EmulatedTile {
  std::size_t rows, row_bytes;
  alignas(64) std::uint8_t bytes[16][64];
};

inline thread_local EmulatedTile tile_registers[8];
inline thread_local bool tiles_are_loaded = false;

inline void refuse_unless(bool is_right) {
  if (!is_right) __builtin_trap();
}

class Tiles {
 public:
  explicit Tiles(const TileConfiguration& tiles) {
    refuse_unless(tiles.token_bytes <= 64 && tiles.weight_rows <= 16);
    for (int i = 0; i < 8; ++i) {
      const bool is_token = i == 4 || i == 5;
      tile_registers[i] = {i > 5 ? tiles.weight_rows : 16, is_token ? tiles.token_bytes : 64, {}};
    }
    tiles_are_loaded = true;
  }
  ~Tiles() { tiles_are_loaded = false; }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

template <int kTile>
EmulatedTile& tile() {
  refuse_unless(tiles_are_loaded);
  return tile_registers[kTile];
}

template <int kTile>
void zero_tile() {
  __builtin_memset(tile<kTile>().bytes, 0, sizeof(EmulatedTile::bytes));
}
/// Of a tile that is no full one, the rest becomes 0.
template <int kTile>
void load_tile(const void* rows) {
  zero_tile<kTile>();
  EmulatedTile& to = tile<kTile>();
  for (std::size_t i = 0; i < to.rows; ++i)
    __builtin_memcpy(to.bytes[i], static_cast<const std::uint8_t*>(rows) + 64 * i, to.row_bytes);
}
template <int kTile>
void store_tile(void* rows) {
  const EmulatedTile& from = tile<kTile>();
  for (std::size_t i = 0; i < from.rows; ++i)
    __builtin_memcpy(static_cast<std::uint8_t*>(rows) + 64 * i, from.bytes[i], from.row_bytes);
}

// It touches nothing but the registers above, and takes most of a sanitized test's time.
#if defined(__clang__)
#define ASSAY_UNSANITIZED __attribute__((no_sanitize("address", "undefined", "coverage")))
#else
#define ASSAY_UNSANITIZED
#endif
template <typename TokenByte>
ASSAY_UNSANITIZED void add_tile_products(EmulatedTile& sums, const EmulatedTile& tokens, const EmulatedTile& weights) {
  refuse_unless(sums.rows == tokens.rows && sums.row_bytes == weights.row_bytes &&
                tokens.row_bytes == 4 * weights.rows);
  for (std::size_t m = 0; m < tokens.rows; ++m) {
    std::int32_t row[16];
    __builtin_memcpy(row, sums.bytes[m], sizeof row);
    for (std::size_t k = 0; k < weights.rows; ++k)
      for (std::size_t n = 0; n < 16; ++n)
        for (std::size_t i = 0; i < 4; ++i)
          row[n] += static_cast<TokenByte>(tokens.bytes[m][4 * k + i]) *
                    static_cast<std::int8_t>(weights.bytes[k][4 * n + i]);
    __builtin_memcpy(sums.bytes[m], row, sizeof row);
  }
}
template <int kSums, int kTokens, int kWeights>
void add_signed_products() {
  add_tile_products<std::int8_t>(tile<kSums>(), tile<kTokens>(), tile<kWeights>());
}
template <int kSums, int kTokens, int kWeights>
void add_unsigned_products() {
  add_tile_products<std::uint8_t>(tile<kSums>(), tile<kTokens>(), tile<kWeights>());
}

}  // namespace
}  // namespace assay::kernels

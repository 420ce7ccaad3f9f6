#include "kernels/tables.h"

// The vectors first: the other headers are written over their names.
// clang-format off
#include "kernels/avx512/vec.h"
#include "kernels/avx512/super_block.h"
#include "kernels/generic/super_block_panel.h"
// clang-format on
#include "kernels/generic/super_block_formats.h"

namespace assay::kernels {
namespace {

/// A multiplication of ints costs as much as one of words here, and the addition behind it runs beside them.
constexpr std::size_t kMostSteps = 1;

/// Differs from avx512's panels where those scale a group's sums in more steps.
template <typename Format, std::uint32_t kId>
void product(const std::byte* weights, std::size_t row_bytes, std::size_t row_count, const Activations& x, float* out,
             std::size_t out_stride) {
  static_assert(word_values<Format, kMostSteps>() != word_values<Format, kWordSteps>());
  if (x.tokens < kFewestPanelTokens) {
    kAvx512Kernels.product[kId](weights, row_bytes, row_count, x, out, out_stride);
  } else {
    panels_product<SuperBlockPanel<Format, kMostSteps>>(reinterpret_cast<const Byte*>(weights), row_bytes, row_count, x,
                                                        out, out_stride);
  }
}

/// The vec.h's entries_of_eight(): eight loads take half of a gather's time here.
inline Int loaded_entries_of_eight(const std::uint64_t* entries, std::uint64_t first, std::uint64_t second) {
  const auto pair = [&](std::uint64_t words, int i) {
    const auto entry = [&](int j) { return reinterpret_cast<const double*>(entries + (words >> (16 * j) & 0xFFFF)); };
    return _mm_castpd_si128(_mm_loadh_pd(_mm_load_sd(entry(i)), entry(i + 1)));
  };
  return join_lanes(pair(first, 0), pair(first, 2), pair(second, 0), pair(second, 2));
}
template <typename Format>
constexpr MatrixProduct kWithLoads = tiled_product<SuperBlockProduct<Format>, SuperBlockPanel<Format>>;

constexpr Kernels make_products() {
  Kernels table = {};
  table.isa = "zen4";
  table.product[12] = product<Q4K, 12>;
  table.product[14] = product<Q6K, 14>;
  table.product[19] = kWithLoads<Iq1SBy<loaded_entries_of_eight>>;
  table.product[22] = kWithLoads<Iq2SBy<loaded_entries_of_eight>>;
  table.product[29] = kWithLoads<Iq1MBy<loaded_entries_of_eight>>;
  return table;
}

}  // namespace

constinit const Kernels kZen4Kernels = make_products();

}  // namespace assay::kernels

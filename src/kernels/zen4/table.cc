#include "kernels/tables.h"

// The vectors first: the other headers are written over their names.
// clang-format off
#include "kernels/avx512/vec.h"
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

constexpr Kernels make_products() {
  Kernels table = {};
  table.isa = "zen4";
  table.product[12] = product<Q4K, 12>;
  table.product[14] = product<Q6K, 14>;
  return table;
}

}  // namespace

constinit const Kernels kZen4Kernels = make_products();

}  // namespace assay::kernels

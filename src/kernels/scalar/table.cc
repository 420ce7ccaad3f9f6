#include "kernels/scalar/table.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/scalar/exact.h"
#include "kernels/scalar/product.h"
#include "kernels/scalar/vector.h"
#include "quant/type.h"

namespace assay::kernels::scalar {
namespace {

/// A plain function for the table: the type stands in its template argument.
template <std::uint32_t kId>
void product_of(const std::byte* rows, std::size_t row_bytes, std::size_t row_count, const Activations& x, float* out,
                std::size_t out_stride) {
  const quant::Type& type = *quant::find_type(kId);
  if (type.is_quantized()) {
    block_product(type, rows, row_bytes, row_count, x, out, out_stride);
  } else {
    float_product(type, rows, row_bytes, row_count, x, out, out_stride);
  }
}

template <std::uint32_t kId>
MatrixProduct product_or_null() {
  const quant::Type* type = quant::find_type(kId);
  return type != nullptr && type->is_decodable() ? product_of<kId> : nullptr;
}

template <std::uint32_t kId>
void decode_exact_of(const std::byte* row, std::size_t width, double* values) {
  const quant::Type& type = *quant::find_type(kId);
  quant::decode_exact(type, row, width / type.block_values, values);
}

template <std::uint32_t kId>
double row_dot_exact_of(const std::byte* row, const double* x, std::size_t width) {
  return row_dot_exact(*quant::find_type(kId), row, x, width);
}

template <std::uint32_t kId>
ExactRow exact_or_null() {
  const quant::Type* type = quant::find_type(kId);
  if (type == nullptr || !type->is_decodable()) return {};
  return {decode_exact_of<kId>, row_dot_exact_of<kId>};
}

template <std::uint32_t... kIds>
void set_types(Kernels& table, std::integer_sequence<std::uint32_t, kIds...> /*ids*/) {
  ((table.product[kIds] = product_or_null<kIds>()), ...);
  ((table.exact[kIds] = exact_or_null<kIds>()), ...);
}

}  // namespace

Kernels make_table() {
  Kernels table = {.isa = "scalar",
                   .quantize = quantize,
                   .product = {},
                   .rms_norm = rms_norm,
                   .silu_product = silu_product,
                   .gelu_product = gelu_product,
                   .gelu_tanh_product = gelu_tanh_product,
                   .scale = scale,
                   .soft_cap = soft_cap,
                   .add = add,
                   .rotate = rotate,
                   .scores = scores,
                   .softmax = softmax,
                   .weighted_sums = weighted_sums,
                   .to_half = to_half,
                   .exact = {},
                   .dot_exact = dot_exact,
                   .product_exact = product_exact,
                   .weighted_sum_exact = weighted_sum_exact,
                   .row_sums = row_sums};
  set_types(table, std::make_integer_sequence<std::uint32_t, kMaxTypes>());
  return table;
}

}  // namespace assay::kernels::scalar

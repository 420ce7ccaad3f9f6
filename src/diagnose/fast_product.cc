#include "diagnose/fast_product.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/activations.h"
#include "kernels/kernels.h"
#include "quant/type.h"

namespace assay::diagnose {
namespace {

/// Channels that a thread takes together: the products like to have so many.
constexpr std::size_t kGrain = 32;

}  // namespace

bool has_fast_product(const gguf::Tensor& weight) {
  return weight.type->id < kernels::kMaxTypes && kernels::kernels().product[weight.type->id] != nullptr;
}

Matrix multiply_fast(const gguf::Tensor& weight, const Matrix& x, int threads) {
  const kernels::Kernels& kernels = kernels::kernels();
  const bool is_quantized = weight.type->is_quantized();
  const std::size_t block_values = is_quantized ? weight.type->block_values : 1;
  const std::vector<float> inputs(x.values.begin(), x.values.end());
  std::vector<std::byte> memory(is_quantized ? x.rows * kernels::QuantizedRows::row_bytes(x.width, block_values) : 0);
  const kernels::QuantizedRows quantized(memory.data(), x.rows, x.width, block_values);
  kernels::Activations activations;
  if (is_quantized) {
    activations = quantized.view();
  } else {
    activations.tokens = x.rows;
    activations.width = x.width;
    activations.block_values = 1;
    activations.f32 = inputs.data();
  }

  Matrix output(x.rows, static_cast<std::size_t>(weight.rows()));
  std::vector<float> products(output.values.size());
  run_team(threads, [&](const Team& team) {
    if (is_quantized) {
      const auto [first, last] = team.share(x.rows);
      for (std::size_t i = first; i < last; ++i) {
        kernels.quantize(inputs.data() + i * x.width, x.width, block_values, quantized.row(i));
      }
      team.barrier();
    }
    const auto [begin, end] = team.share(output.width, kGrain);
    if (begin == end) return;
    kernels.product[weight.type->id](weight.data.data() + begin * weight.row_bytes(), weight.row_bytes(), end - begin,
                                     activations, products.data() + begin, output.width);
    for (std::size_t i = 0; i < output.rows; ++i) {
      std::copy(products.data() + i * output.width + begin, products.data() + i * output.width + end,
                output.row(i) + begin);
    }
  });
  return output;
}

}  // namespace assay::diagnose

// Everything that is no matrix product, one value at a time: the specification of the same functions of kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace assay::kernels::scalar {

void quantize(const float* v, std::size_t width, std::size_t block_values, const QuantizedRow& row);
void rms_norm(const float* x, const float* weight, float epsilon, std::size_t n, float* out);
void silu_product(const float* gate, const float* up, std::size_t n, float* out);
void gelu_product(const float* gate, const float* up, std::size_t n, float* out);
void gelu_tanh_product(const float* gate, const float* up, std::size_t n, float* out);
void scale(const float* x, float factor, std::size_t n, float* out);
void soft_cap(const float* x, float cap, std::size_t n, float* out);
void add(const float* a, const float* b, std::size_t n, float* out);
void rotate(float* x, const float* cosines, const float* sines, std::size_t n, std::size_t pair_step,
            std::size_t pair_gap);
void scores(const float* q, std::size_t queries, const CacheRows& keys, float scale, float* scores,
            std::size_t score_stride);
float softmax(float* x, std::size_t count);
void weighted_sums(const float* weights, std::size_t weight_stride, std::size_t queries, const CacheRows& values,
                   float* out);
void to_half(const float* x, std::size_t n, std::uint16_t* out);

}  // namespace assay::kernels::scalar

// The steps of the fast engine. Each is made once, when the engine is, and run for every piece of a batch.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/fast/frame.h"
#include "gguf/file.h"
#include "kernels/kernels.h"
#include "model/plan.h"

namespace assay::engine::fast {

using kernels::Kernels;

// Steps by rows (row_steps.cc).

/// out = row `token` of a table of any decodable type, as floats.
std::unique_ptr<Step> make_embed(const gguf::Tensor& table, const Place& out);
/// The rows of `in` whose tokens want logits.
std::unique_ptr<Step> make_gather(const Place& in, const Place& out);
/// Floats to the 16-bit integers of kernels.h.
std::unique_ptr<Step> make_quantize(const Kernels& kernels, const Place& in, const Place& out);
/// Over each run of weight.size() channels.
std::unique_ptr<Step> make_rms_norm(const Kernels& kernels, std::vector<float> weight, double epsilon, const Place& in,
                                    const Place& out);
/// As model::LayerNorm: m = float(sum / n) of Kernels::row_sums, then Kernels::rms_norm of x - m, then + bias unless it
/// is empty.
std::unique_ptr<Step> make_layer_norm(const Kernels& kernels, std::vector<float> weight, std::vector<float> bias,
                                      double epsilon, const Place& in, const Place& out);
std::unique_ptr<Step> make_add_bias(const Kernels& kernels, std::vector<float> bias, const Place& in, const Place& out);
/// `in` are the step's inputs.
std::unique_ptr<Step> make_concat(const model::Concat& concat, const std::vector<Place>& in, const Place& out);
/// Row: the cosines of position * frequencies, then the sines, times `magnitude`.
std::unique_ptr<Step> make_rope_table(std::vector<double> frequencies, double magnitude, const Place& out);

// Steps by channels (channel_steps.cc): a thread takes channels in multiples of `grain`.

/// `in` is quantized by the blocks of the weight's type, floats for a float type. `bias` may be empty.
std::unique_ptr<Step> make_linear(const Kernels& kernels, const gguf::Tensor& weight, std::vector<float> bias,
                                  const Place& in, const Place& out, std::size_t grain);
/// `grain` is even, and a multiple of head_width for RopePairing::halves. `in` may be `out`.
std::unique_ptr<Step> make_rope(const Kernels& kernels, const model::Rope& rope, const Place& table, const Place& in,
                                const Place& out, std::size_t grain);
/// `in` may be `out`.
std::unique_ptr<Step> make_position_scale(const Kernels& kernels, const model::PositionScale& scale, const Place& in,
                                          const Place& out, std::size_t grain);
/// activation(gate): the product of make_gated() with ones.
std::unique_ptr<Step> make_activation(const Kernels& kernels, model::Activation activation, const Place& gate,
                                      const Place& out, std::size_t grain);
std::unique_ptr<Step> make_gated(const Kernels& kernels, model::Activation activation, const Place& gate,
                                 const Place& up, const Place& out, std::size_t grain);
std::unique_ptr<Step> make_add(const Kernels& kernels, const Place& a, const Place& b, const Place& out,
                               std::size_t grain);
/// `in` may be `out`, here and below.
std::unique_ptr<Step> make_scale(const Kernels& kernels, double factor, const Place& in, const Place& out,
                                 std::size_t grain);
std::unique_ptr<Step> make_soft_cap(const Kernels& kernels, double cap, const Place& in, const Place& out,
                                    std::size_t grain);

// Of a mixture of experts (expert_steps.cc), the first five by rows.

std::unique_ptr<Step> make_softmax(const Kernels& kernels, const Place& in, const Place& out);
std::unique_ptr<Step> make_sigmoid(const Place& in, const Place& out);
std::unique_ptr<Step> make_top_k(const model::TopK& top, const Place& in, const Place& out);
std::unique_ptr<Step> make_pick(const Place& in, const Place& indices, const Place& out);
std::unique_ptr<Step> make_normalize(const Place& in, const Place& out);
/// As make_linear with the matrices of the experts in `chosen`, which may be null; `biases` [experts, outputs] may be
/// empty.
std::unique_ptr<Step> make_expert_linear(const Kernels& kernels, const model::ExpertLinear& linear,
                                         const gguf::Tensor& weight, std::vector<float> biases, const Place& x,
                                         const Place* chosen, const Place& out, std::size_t grain);
std::unique_ptr<Step> make_weighted_sum(const Place& x, const Place& weights, const Place& out, std::size_t grain);
std::unique_ptr<Step> make_sigmoid_gate(const Kernels& kernels, const Place& score, const Place& x, const Place& out,
                                        std::size_t grain);

// Attention (attention_steps.cc).

/// Appends the keys and values to the caches of their sequences. `region` stands for the layer's cache.
std::unique_ptr<Step> make_store(const Kernels& kernels, const model::Attention& attention, const Place& k,
                                 const Place& v, int region, std::size_t grain);
/// `sinks` [heads] may be empty.
std::unique_ptr<Step> make_attend(const Kernels& kernels, const model::Attention& attention, std::vector<float> sinks,
                                  const Place& q, const Place& out, int region);

}  // namespace assay::engine::fast

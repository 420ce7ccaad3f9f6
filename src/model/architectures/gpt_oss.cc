// gpt-oss: experts with biases whose weights are the softmax over the chosen ones, a gated activation of its own, sinks
// in attention, and a sliding window in every other block, the first among them. OpenAI 2025, arXiv 2508.10925.
//
// Its YaRN ramp goes over between the whole pairs around the two rates of turns, as rope.h says; the trained model's
// own goes over between the rates themselves. GGUF has no key for that.
#include "model/architectures/architecture.h"
#include "model/architectures/decoder.h"

namespace assay::model {
namespace {

constexpr double kWindow = 128;  // where a file does not say

void build(const HyperParameters& hp, PlanBuilder& b) {
  DecoderVariant variant;
  variant.activation = Activation::clamped_swiglu;
  variant.has_sinks = true;
  variant.feed_forward_norm = "post_attention_norm";
  variant.experts = ExpertsVariant{.length = length_of_experts(hp), .weights = ExpertWeights::softmax_of_chosen};
  const auto window = static_cast<std::size_t>(hp.find("attention.sliding_window").value_or(kWindow));
  for (std::size_t block = 0; block < hp.block_count; ++block) variant.windows.push_back(block % 2 == 0 ? window : 0);
  build_decoder(hp, variant, b);
}

constexpr OwnKey kKeys[] = {kExpertLength, {"attention.sliding_window", OwnKey::Kind::count}};

}  // namespace

const Architecture kGptOss = {"gpt-oss", build, {kKeys}};

}  // namespace assay::model

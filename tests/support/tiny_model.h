// A small random model in memory, of the llama architecture unless told otherwise, whose keys and tensors a test may
// change before it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gguf/file.h"
#include "gguf/writer.h"
#include "model/model.h"
#include "quant/type.h"

namespace assay::test {

using KeyValue =
    std::variant<std::uint32_t, float, bool, std::string, std::vector<std::int32_t>, std::vector<std::string>>;

struct TinyTensor {
  std::vector<std::uint64_t> ne;
  std::vector<float> values;
  std::string type = "F32";  ///< any that can be written
};

class TinyModel {
 public:
  std::map<std::string, KeyValue> keys;
  std::map<std::string, TinyTensor> tensors;

  /// 2 blocks, 24 wide, 4 heads of 6, 2 key/value heads, feed-forward 40, 50 tokens.
  TinyModel() {
    keys = {{"general.architecture", std::string("llama")},
            {"llama.block_count", 2U},
            {"llama.context_length", 64U},
            {"llama.embedding_length", 24U},
            {"llama.feed_forward_length", 40U},
            {"llama.attention.head_count", 4U},
            {"llama.attention.head_count_kv", 2U},
            {"llama.attention.layer_norm_rms_epsilon", 1e-5F}};
    add("token_embd.weight", {24, 50}, 1);
    for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
      add(blk + "attn_norm.weight", {24}, 1);
      add(blk + "attn_q.weight", {24, 24}, 0.4F);
      add(blk + "attn_k.weight", {24, 12}, 0.4F);
      add(blk + "attn_v.weight", {24, 12}, 0.4F);
      add(blk + "attn_output.weight", {24, 24}, 0.4F);
      add(blk + "ffn_norm.weight", {24}, 1);
      add(blk + "ffn_gate.weight", {24, 40}, 0.4F);
      add(blk + "ffn_up.weight", {24, 40}, 0.4F);
      add(blk + "ffn_down.weight", {40, 24}, 0.4F);
    }
    add("output_norm.weight", {24}, 1);
    add("output.weight", {24, 50}, 0.4F);
  }

  /// 5 experts of 16 channels, of which a token uses 2, in the place of the feed-forward part.
  void add_experts() {
    const std::string prefix = std::get<std::string>(keys["general.architecture"]) + ".";
    keys[prefix + "expert_count"] = 5U;
    keys[prefix + "expert_used_count"] = 2U;
    keys[prefix + "feed_forward_length"] = 16U;
    for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
      add(blk + "ffn_gate_inp.weight", {24, 5}, 0.4F);
      for (const char* dense : {"ffn_gate", "ffn_up", "ffn_down"}) tensors.erase(blk + dense + ".weight");
      add(blk + "ffn_gate_exps.weight", {24, 16, 5}, 0.4F);
      add(blk + "ffn_up_exps.weight", {24, 16, 5}, 0.4F);
      add(blk + "ffn_down_exps.weight", {16, 24, 5}, 0.4F);
      if (prefix != "gpt-oss.") continue;
      add(blk + "ffn_gate_inp.bias", {5}, 0.4F);
      add(blk + "ffn_gate_exps.bias", {16, 5}, 0.4F);
      add(blk + "ffn_up_exps.bias", {16, 5}, 0.4F);
      add(blk + "ffn_down_exps.bias", {24, 5}, 0.4F);
    }
  }

  /// The same shapes in another architecture, with the keys and tensors that it asks for; those with experts get them,
  /// and qwen2moe one of 20 channels for all tokens. Windows are of 3 positions.
  void become(const std::string& architecture) {
    const auto is = [&](auto... names) { return ((architecture == names) || ...); };
    std::map<std::string, KeyValue> renamed;
    for (auto& [key, value] : keys) {
      renamed[key.rfind("llama.", 0) == 0 ? architecture + key.substr(5) : key] = std::move(value);
    }
    keys = std::move(renamed);
    keys["general.architecture"] = architecture;
    const auto set = [&](const std::string& key, KeyValue value) { keys[architecture + "." + key] = std::move(value); };
    const unsigned blocks = is("gemma3") ? 6 : is("smollm3", "cohere2") ? 4 : 2;
    set("block_count", blocks);
    for (unsigned block = 0; block < blocks; ++block) {
      const std::string blk = "blk." + std::to_string(block) + ".";
      if (block > 1) {
        for (const std::string name : kOfBlock) {
          add(blk + name, tensors.at("blk.0." + name).ne, name.ends_with("_norm.weight") ? 1 : 0.4F);
        }
      }
      if (is("qwen2", "qwen2moe", "starcoder2")) {
        add(blk + "attn_q.bias", {24}, 0.4F);
        add(blk + "attn_k.bias", {12}, 0.4F);
        add(blk + "attn_v.bias", {12}, 0.4F);
      }
      if (is("gpt-oss")) {
        tensors[blk + "post_attention_norm.weight"] = tensors[blk + "ffn_norm.weight"];
        tensors.erase(blk + "ffn_norm.weight");
        add(blk + "attn_sinks.weight", {4}, 1);
      }
      if (is("qwen3", "qwen3moe", "gemma3", "olmo2")) {
        add(blk + "attn_q_norm.weight", {is("olmo2") ? 24U : 6U}, 1);
        add(blk + "attn_k_norm.weight", {is("olmo2") ? 12U : 6U}, 1);
      }
      if (is("gemma2", "gemma3", "olmo2", "glm4")) {
        add(blk + "post_attention_norm.weight", {24}, 1);
        add(blk + "post_ffw_norm.weight", {24}, 1);
      }
      if (is("phi3", "glm4")) {
        for (const char* name : {"attn_q", "attn_k", "attn_v", "ffn_gate"}) tensors.erase(blk + name + ".weight");
        add(blk + "attn_qkv.weight", {24, 48}, 0.4F);
        add(blk + "ffn_up.weight", {24, 80}, 0.4F);
      }
      if (is("glm4")) add(blk + "attn_qkv.bias", {48}, 0.4F);
      if (is("olmo2")) {
        tensors.erase(blk + "attn_norm.weight");
        tensors.erase(blk + "ffn_norm.weight");
      }
      if (is("starcoder2")) {
        tensors.erase(blk + "ffn_gate.weight");
        add(blk + "attn_norm.bias", {24}, 0.4F);
        add(blk + "ffn_norm.bias", {24}, 0.4F);
        add(blk + "ffn_up.bias", {40}, 0.4F);
      }
    }
    if (is("gemma2", "gemma3", "phi3", "cohere2")) set("attention.sliding_window", 3U);
    if (is("phi3", "glm4")) set("rope.dimension_count", 4U);
    if (is("gemma2")) {
      set("attn_logit_softcapping", 2.0F);
      set("final_logit_softcapping", 3.0F);
    } else if (is("gemma3")) {
      set("rope.freq_base", 1e6F);
      set("rope.scaling.factor", 4.0F);
    } else if (is("granite", "granitemoe")) {
      set("embedding_scale", 3.0F);
      set("residual_scale", 0.5F);
      set("attention.scale", 0.25F);
      set("logit_scale", 2.0F);
    } else if (is("mistral3")) {
      set("attention.temperature_scale", 0.3F);
      set("rope.scaling.original_context_length", 4U);
    } else if (is("command-r", "cohere2")) {
      set("logit_scale", 0.25F);
      std::erase_if(tensors, [](const auto& tensor) { return tensor.first.ends_with("ffn_norm.weight"); });
    }
    if (is("starcoder2")) add("output_norm.bias", {24}, 0.4F);
    if (is("starcoder2", "command-r", "cohere2")) {
      keys.erase(architecture + ".attention.layer_norm_rms_epsilon");
      set("attention.layer_norm_epsilon", 1e-5F);
    }
    if (architecture.ends_with("moe") || is("gpt-oss", "deepseek2")) add_experts();
    if (is("deepseek2")) add_latent_attention();
    if (architecture == "qwen2moe") {
      keys["qwen2moe.expert_feed_forward_length"] = 16U;
      keys["qwen2moe.expert_shared_feed_forward_length"] = 20U;
      for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
        add(blk + "ffn_gate_inp_shexp.weight", {24, 1}, 0.4F);
        add(blk + "ffn_gate_shexp.weight", {24, 20}, 0.4F);
        add(blk + "ffn_up_shexp.weight", {24, 20}, 0.4F);
        add(blk + "ffn_down_shexp.weight", {20, 24}, 0.4F);
      }
    }
    if (architecture == "gpt-oss") {
      keys["gpt-oss.expert_feed_forward_length"] = 16U;
      keys["gpt-oss.attention.sliding_window"] = 3U;
      keys["gpt-oss.attention.layer_norm_rms_epsilon"] = 1e-4F;  // so large that it matters beside this stream
    }
    if (architecture == "qwen3moe") keys["qwen3moe.feed_forward_length"] = 32U;  // of the two that are used
  }

  /// 4 heads of 4 unrotated and 4 rotated channels, and of 5 of values, made of 8; sigmoids, of which two of four
  /// groups of experts are chosen.
  void add_latent_attention() {
    const auto set = [&](const std::string& key, KeyValue value) { keys["deepseek2." + key] = std::move(value); };
    for (const auto& [key, value] : std::map<std::string, std::uint32_t>{{"attention.head_count_kv", 1},
                                                                         {"attention.key_length", 12},
                                                                         {"attention.value_length", 8},
                                                                         {"attention.key_length_mla", 8},
                                                                         {"attention.value_length_mla", 5},
                                                                         {"attention.kv_lora_rank", 8},
                                                                         {"rope.dimension_count", 4},
                                                                         {"expert_count", 8},
                                                                         {"expert_feed_forward_length", 16},
                                                                         {"expert_shared_count", 1},
                                                                         {"expert_gating_func", 2},
                                                                         {"expert_group_count", 4},
                                                                         {"expert_group_used_count", 2}}) {
      set(key, value);
    }
    set("expert_weights_norm", true);
    set("expert_weights_scale", 2.5F);
    for (const std::string blk : {"blk.0.", "blk.1."}) {
      for (const char* name : {"attn_k.weight", "attn_v.weight"}) tensors.erase(blk + name);
      add(blk + "attn_q.weight", {24, 32}, 0.4F);
      add(blk + "attn_kv_a_mqa.weight", {24, 12}, 0.4F);
      add(blk + "attn_kv_a_norm.weight", {8}, 1);
      add(blk + "attn_k_b.weight", {4, 8, 4}, 0.4F);
      add(blk + "attn_v_b.weight", {8, 5, 4}, 0.4F);
      add(blk + "attn_output.weight", {20, 24}, 0.4F);
      add(blk + "ffn_gate_inp.weight", {24, 8}, 0.4F);
      add(blk + "exp_probs_b.bias", {8}, 0.5F);
      for (const char* name : {"ffn_gate_exps.weight", "ffn_up_exps.weight"}) add(blk + name, {24, 16, 8}, 0.4F);
      add(blk + "ffn_down_exps.weight", {16, 24, 8}, 0.4F);
      for (const char* name : {"ffn_gate_shexp.weight", "ffn_up_shexp.weight"}) add(blk + name, {24, 16}, 0.4F);
      add(blk + "ffn_down_shexp.weight", {16, 24}, 0.4F);
    }
  }

  /// A tensor of normal random values.
  void add(const std::string& name, std::vector<std::uint64_t> ne, float deviation) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : ne) count *= size;
    std::normal_distribution<float> normal(0, deviation);
    TinyTensor tensor{std::move(ne), {}};
    for (std::uint64_t i = 0; i < count; ++i) tensor.values.push_back(normal(random_));
    tensors[name] = std::move(tensor);
  }

  std::vector<std::byte> bytes() const {
    gguf::Writer writer;
    for (const auto& [key, value] : keys) {
      const std::string& name = key;  // a lambda may not capture a binding
      std::visit([&](const auto& held) { add_key(writer, name, held); }, value);
    }
    std::vector<std::vector<std::byte>> kept;  // the writer only looks at them
    for (const auto& [name, tensor] : tensors) {
      kept.push_back(encoded(tensor));
      writer.add_tensor(name, *quant::find_type(tensor.type), tensor.ne, kept.back());
    }
    return writer.bytes();
  }

 private:
  static std::vector<std::byte> encoded(const TinyTensor& tensor) {
    const quant::Type& type = *quant::find_type(tensor.type);
    std::vector<std::byte> bytes(tensor.values.size() / type.block_values * type.block_bytes);
    const std::size_t width = tensor.ne[0];
    const std::size_t row_bytes = width / type.block_values * type.block_bytes;
    for (std::size_t row = 0; row < tensor.values.size() / width; ++row) {
      type.encode(tensor.values.data() + row * width, width, nullptr, bytes.data() + row * row_bytes);
    }
    return bytes;
  }
  static void add_key(gguf::Writer& writer, const std::string& key, std::uint32_t value) {
    writer.add_uint(key, value);
  }
  static void add_key(gguf::Writer& writer, const std::string& key, float value) { writer.add_float(key, value); }
  static void add_key(gguf::Writer& writer, const std::string& key, bool value) { writer.add_bool(key, value); }
  static void add_key(gguf::Writer& writer, const std::string& key, const std::string& value) {
    writer.add_string(key, value);
  }
  static void add_key(gguf::Writer& writer, const std::string& key, const std::vector<std::int32_t>& value) {
    writer.add_ints(key, value);
  }
  static void add_key(gguf::Writer& writer, const std::string& key, const std::vector<std::string>& value) {
    writer.add_strings(key, value);
  }

  static constexpr const char* kOfBlock[] = {"attn_norm.weight", "attn_q.weight",      "attn_k.weight",
                                             "attn_v.weight",    "attn_output.weight", "ffn_norm.weight",
                                             "ffn_gate.weight",  "ffn_up.weight",      "ffn_down.weight"};
  std::mt19937 random_{1};
};

/// A loaded model and the bytes it looks into.
class LoadedModel {
 public:
  explicit LoadedModel(const TinyModel& tiny)
      : bytes_(tiny.bytes()), model_(model::load_model(gguf::File::parse("tiny.gguf", bytes_))) {}
  const model::Model& operator*() const { return model_; }
  const model::Model* operator->() const { return &model_; }

 private:
  std::vector<std::byte> bytes_;
  model::Model model_;
};

}  // namespace assay::test

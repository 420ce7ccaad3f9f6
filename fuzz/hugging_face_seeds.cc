// The first corpus of hugging_face_fuzz: tiny folders of several families and kinds of tokenizers.
// hugging_face_seeds FOLDER
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "fuzz/packed_folder.h"
#include "gguf/safetensors_writer.h"

namespace {

using assay::gguf::Dtype;
using Json = nlohmann::json;
using Tensors = std::vector<std::pair<std::string, std::vector<std::uint64_t>>>;

constexpr std::uint64_t kTokens = 12;
constexpr std::uint64_t kWidth = 8;

Dtype dtype_of(const std::string& name, Dtype usual) {
  if (name.ends_with("_scale_inv")) return Dtype::f32;
  if (name.ends_with("_blocks") || name.ends_with("_scales")) return Dtype::u8;
  return usual == Dtype::f8_e4m3 && !name.ends_with("_proj.weight") ? Dtype::bf16 : usual;
}

std::string safetensors(const std::filesystem::path& scratch, const Tensors& tensors, Dtype dtype) {
  std::vector<assay::gguf::SafetensorsWriter::Declaration> declared;
  for (const auto& [name, shape] : tensors) declared.push_back({name, dtype_of(name, dtype), shape});
  assay::gguf::SafetensorsWriter writer(scratch, declared, {});
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::size_t bytes = assay::gguf::size_bytes(declared[i].dtype);
    for (const std::uint64_t length : tensors[i].second) bytes *= static_cast<std::size_t>(length);
    writer.write(i, 0, std::vector<std::byte>(bytes, std::byte{0x3c}));
  }
  writer.commit();
  std::string bytes = assay::read_file(scratch, std::size_t{1} << 20);
  std::filesystem::remove(scratch);
  return bytes;
}

Json config(const char* family, const Json& own = Json::object()) {
  Json config = {{"architectures", {family}}, {"num_hidden_layers", 1},     {"max_position_embeddings", 64},
                 {"hidden_size", kWidth},     {"intermediate_size", 4},     {"num_attention_heads", 2},
                 {"num_key_value_heads", 1},  {"vocab_size", kTokens},      {"rms_norm_eps", 1e-5},
                 {"rope_theta", 10000},       {"tie_word_embeddings", true}};
  config.update(own);
  return config;
}

/// Of a block whose heads are four channels wide.
Tensors attention() {
  return {{"model.embed_tokens.weight", {kTokens, kWidth}},
          {"model.norm.weight", {kWidth}},
          {"model.layers.0.input_layernorm.weight", {kWidth}},
          {"model.layers.0.post_attention_layernorm.weight", {kWidth}},
          {"model.layers.0.self_attn.q_proj.weight", {8, kWidth}},
          {"model.layers.0.self_attn.k_proj.weight", {4, kWidth}},
          {"model.layers.0.self_attn.v_proj.weight", {4, kWidth}},
          {"model.layers.0.self_attn.o_proj.weight", {kWidth, 8}}};
}

Tensors operator+(Tensors tensors, const Tensors& others) {
  tensors.insert(tensors.end(), others.begin(), others.end());
  return tensors;
}

Tensors mlp() {
  return {{"model.layers.0.mlp.gate_proj.weight", {4, kWidth}},
          {"model.layers.0.mlp.up_proj.weight", {4, kWidth}},
          {"model.layers.0.mlp.down_proj.weight", {kWidth, 4}}};
}

Tensors experts() {
  Tensors tensors = {{"model.layers.0.block_sparse_moe.gate.weight", {2, kWidth}}};
  for (const std::string expert : {"0", "1"}) {
    const std::string prefix = "model.layers.0.block_sparse_moe.experts." + expert;
    tensors.push_back({prefix + ".w1.weight", {4, kWidth}});
    tensors.push_back({prefix + ".w2.weight", {kWidth, 4}});
    tensors.push_back({prefix + ".w3.weight", {4, kWidth}});
  }
  return tensors;
}

Json tokenizer(Json model) {
  return {{"added_tokens", Json::array({{{"id", 0}, {"content", "<s>"}, {"special", true}},
                                        {{"id", 11}, {"content", "<tool>"}, {"special", false}}})},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"decoder", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", Json::array({{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}})}}},
          {"model", std::move(model)}};
}

/// Cut by an expression as well, where there is one.
Json byte_level(const std::string& expression = {}) {
  Json json = tokenizer({{"type", "BPE"},
                         {"vocab", {{"a", 1}, {"b", 2}, {"ab", 3}, {"\u0120", 4}}},
                         {"merges", Json::array({"a b", Json::array({"\u0120", "ab"})})}});
  json["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers", Json::array({{{"type", "Digits"}, {"individual_digits", true}},
                                                          {{"type", "ByteLevel"}, {"use_regex", true}}})}};
  if (!expression.empty()) {
    json["pre_tokenizer"]["pretokenizers"].push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}});
  }
  json["decoder"] = {{"type", "ByteLevel"}};
  return json;
}

Json sentencepiece() {
  Json json = tokenizer({{"type", "BPE"},
                         {"byte_fallback", true},
                         {"unk_token", "<unk>"},
                         {"vocab", {{"<unk>", 1}, {"<0x0A>", 2}, {"a", 3}, {"\u2581", 4}, {"\u2581a", 5}}},
                         {"merges", Json::array({"\u2581 a"})}});
  json["normalizer"] = {{"type", "Prepend"}, {"prepend", "\u2581"}};
  return json;
}

Json unigram() {
  Json vocabulary = Json::array();
  for (const char* piece : {"<unk>", "<0x0A>", "a", "b", "ab", "\u2581", "\u2581a"})
    vocabulary.push_back({piece, -1.5});
  Json json = tokenizer({{"type", "Unigram"}, {"unk_id", 0}, {"byte_fallback", true}, {"vocab", vocabulary}});
  // A trie of one node, without values.
  const Json precompiled = {{"type", "Precompiled"}, {"precompiled_charsmap", "BAAAAAAAAAAA"}};
  const Json replace = {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}};
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({precompiled, replace})}};
  json["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "always"}};
  return json;
}

Json wordpiece() {
  Json json = tokenizer({{"type", "WordPiece"}, {"vocab", {{"[UNK]", 1}, {"a", 2}, {"##b", 3}, {"text", 4}}}});
  json["normalizer"] = {{"type", "BertNormalizer"}, {"lowercase", true}};
  json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  json["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"<tool>", 11}}, {"cls", {"<s>", 0}}};
  return json;
}

/// A protocol buffer: pieces of text, score and type, then the trainer's model_type 2.
std::string pieces() {
  std::string model;
  for (const std::string text : {"<unk>", "<s>", "a", "\u2581", "\u2581a"}) {
    std::string piece = "\x0a" + std::string(1, static_cast<char>(text.size())) + text;
    piece += std::string("\x15\0\0\x80\xbf\x18\x01", 7);
    model += "\x0a" + std::string(1, static_cast<char>(piece.size())) + piece;
  }
  return model + "\x12\x02\x18\x02";
}

void write(const std::filesystem::path& folder, const std::string& name, const Json& config, const Tensors& tensors,
           std::map<std::string, std::string> others, Dtype dtype = Dtype::bf16) {
  others.emplace("config.json", config.dump());
  const bool is_sharded = others.find("model.safetensors.index.json") != others.end();
  others.emplace(is_sharded ? "a.safetensors" : "model.safetensors", safetensors(folder / "scratch", tensors, dtype));
  assay::OutputFile file(folder / name);
  file.write(assay::fuzz::packed(others));
  file.commit();
}

/// Both kinds of gpt-oss's experts, one of them: MXFP4, and as transformers computes with them.
void write_gpt_oss(const std::filesystem::path& folder) {
  const std::string experts = "model.layers.0.mlp.experts.";
  constexpr std::uint64_t kWide = 32;
  const Tensors attention = {{"model.embed_tokens.weight", {kTokens, kWide}},
                             {"model.norm.weight", {kWide}},
                             {"model.layers.0.input_layernorm.weight", {kWide}},
                             {"model.layers.0.post_attention_layernorm.weight", {kWide}},
                             {"model.layers.0.self_attn.sinks", {1}},
                             {"model.layers.0.mlp.router.weight", {1, kWide}},
                             {"model.layers.0.mlp.router.bias", {1}},
                             {experts + "gate_up_proj_bias", {1, 2 * kWide}},
                             {experts + "down_proj_bias", {1, kWide}}};
  Tensors projections;
  for (const std::string part : {"q", "k", "v", "o"}) {
    const std::string name = "model.layers.0.self_attn." + part + "_proj.";
    const std::uint64_t rows = part == "o" ? kWide : 2;
    projections.push_back({name + "weight", {rows, part == "o" ? 2 : kWide}});
    projections.push_back({name + "bias", {rows}});
  }
  const Json own = config("GptOssForCausalLM", {{"hidden_size", kWide},
                                                {"intermediate_size", kWide},
                                                {"num_attention_heads", 1},
                                                {"head_dim", 2},
                                                {"num_local_experts", 1},
                                                {"num_experts_per_tok", 1},
                                                {"sliding_window", 4}});
  write(folder, "gpt-oss", own,
        attention + projections +
            Tensors{{experts + "gate_up_proj_blocks", {1, 2 * kWide, 1, 16}},
                    {experts + "gate_up_proj_scales", {1, 2 * kWide, 1}},
                    {experts + "down_proj_blocks", {1, kWide, 1, 16}},
                    {experts + "down_proj_scales", {1, kWide, 1}}},
        {});
}

/// With 8-bit floats, a dense block, one of experts and one that guesses.
void write_deepseek(const std::filesystem::path& folder) {
  Tensors tensors = {{"model.embed_tokens.weight", {kTokens, kWidth}},
                     {"model.norm.weight", {kWidth}},
                     {"model.layers.2.eh_proj.weight", {kWidth, 2}},
                     {"model.layers.1.mlp.gate.weight", {2, kWidth}},
                     {"model.layers.1.mlp.gate.e_score_correction_bias", {2}}};
  const Tensors matrices = {{"self_attn.q_proj", {8, kWidth}},
                            {"self_attn.kv_a_proj_with_mqa", {8, kWidth}},
                            {"self_attn.kv_b_proj", {8, 6}},
                            {"self_attn.o_proj", {kWidth, 4}}};
  for (const std::string layer : {"model.layers.0.", "model.layers.1."}) {
    tensors.push_back({layer + "input_layernorm.weight", {kWidth}});
    tensors.push_back({layer + "post_attention_layernorm.weight", {kWidth}});
    tensors.push_back({layer + "self_attn.kv_a_layernorm.weight", {6}});
    for (const auto& [name, shape] : matrices) {
      tensors.push_back({layer + name + ".weight", shape});
      tensors.push_back({layer + name + ".weight_scale_inv", {2, 1}});
    }
  }
  for (const std::string mlp : {"0.mlp.", "1.mlp.experts.0.", "1.mlp.experts.1."}) {
    tensors.push_back({"model.layers." + mlp + "gate_proj.weight", {4, kWidth}});
    tensors.push_back({"model.layers." + mlp + "up_proj.weight", {4, kWidth}});
    tensors.push_back({"model.layers." + mlp + "down_proj.weight", {kWidth, 4}});
  }
  const Json own = {{"num_hidden_layers", 2},
                    {"kv_lora_rank", 6},
                    {"qk_rope_head_dim", 2},
                    {"qk_nope_head_dim", 2},
                    {"v_head_dim", 2},
                    {"first_k_dense_replace", 1},
                    {"n_routed_experts", 2},
                    {"num_experts_per_tok", 1},
                    {"moe_intermediate_size", 4},
                    {"routed_scaling_factor", 1},
                    {"quantization_config", {{"quant_method", "fp8"}}}};
  write(folder, "deepseek", config("DeepseekV3ForCausalLM", own), tensors, {}, Dtype::f8_e4m3);
}

void write_all(const std::filesystem::path& folder) {
  const Tensors dense = attention() + mlp();
  const std::string settings = R"({"bos_token": "<s>", "eos_token": {"content": "<tool>"}, "add_bos_token": true,
    "chat_template": [{"name": "default", "template": "{{ x }}"}]})";
  write(folder, "llama", config("LlamaForCausalLM"), dense,
        {{"tokenizer.json", sentencepiece().dump()}, {"tokenizer_config.json", settings}}, Dtype::f32);
  write(folder, "pieces", config("MistralForCausalLM", {{"sliding_window", 4}}), dense,
        {{"tokenizer.json", sentencepiece().dump()}, {"tokenizer.model", pieces()}});
  write(folder, "unigram", config("LlamaForCausalLM"), dense, {{"tokenizer.json", unigram().dump()}});
  write(folder, "wordpiece", config("LlamaForCausalLM"), dense, {{"tokenizer.json", wordpiece().dump()}});
  write(folder, "mixtral", config("MixtralForCausalLM", {{"num_local_experts", 2}}), attention() + experts(),
        {{"tokenizer.json", byte_level().dump()}}, Dtype::f16);
  const Json yarn = {{"rope_type", "yarn"}, {"factor", 4}, {"rope_theta", 1e6}};
  write(folder, "stacked", config("MixtralForCausalLM", {{"num_local_experts", 2}}),
        attention() + Tensors{{"model.layers.0.mlp.gate.weight", {2, kWidth}},
                              {"model.layers.0.mlp.experts.gate_up_proj", {2, 8, kWidth}},
                              {"model.layers.0.mlp.experts.down_proj", {2, kWidth, 4}}},
        {});
  write_gpt_oss(folder);
  write_deepseek(folder);
  write(folder, "qwen2", config("Qwen2ForCausalLM", {{"rope_parameters", yarn}}),
        dense + Tensors{{"model.layers.0.self_attn.q_proj.bias", {8}},
                        {"model.layers.0.self_attn.k_proj.bias", {4}},
                        {"model.layers.0.self_attn.v_proj.bias", {4}}},
        {{"tokenizer.json", byte_level(R"(\s?\p{N}{1,3}|[^\s]+)").dump()},
         {"generation_config.json", R"({"eos_token_id": [1, 11]})"},
         {"chat_template.jinja", "{{ messages }}"}});
  Tensors normed = dense;
  for (const char* norm : {"pre_feedforward_layernorm", "post_feedforward_layernorm"}) {
    normed.push_back({"model.layers.0." + std::string(norm) + ".weight", {kWidth}});
  }
  const Json gemma = {
      {"head_dim", 4}, {"query_pre_attn_scalar", 4}, {"sliding_window", 8}, {"layer_types", {"sliding_attention"}}};
  Json index = {{"weight_map", Json::object()}};
  for (const auto& [name, shape] : normed) index["weight_map"][name] = "a.safetensors";
  write(folder, "gemma2", config("Gemma2ForCausalLM", gemma), normed, {{"model.safetensors.index.json", index.dump()}});
  const Json long_rope = {{"type", "longrope"}, {"long_factor", {1.0, 2.0}}, {"short_factor", {1.0, 1.5}}};
  write(folder, "phi3",
        config("Phi3ForCausalLM", {{"original_max_position_embeddings", 16}, {"rope_scaling", long_rope}}),
        {{"model.embed_tokens.weight", {kTokens, kWidth}},
         {"lm_head.weight", {kTokens, kWidth}},
         {"model.norm.weight", {kWidth}},
         {"model.layers.0.input_layernorm.weight", {kWidth}},
         {"model.layers.0.post_attention_layernorm.weight", {kWidth}},
         {"model.layers.0.self_attn.qkv_proj.weight", {16, kWidth}},
         {"model.layers.0.self_attn.o_proj.weight", {kWidth, 8}},
         {"model.layers.0.mlp.gate_up_proj.weight", {8, kWidth}},
         {"model.layers.0.mlp.down_proj.weight", {kWidth, 4}}},
        {});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    write_all(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}

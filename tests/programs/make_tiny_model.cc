// Writes a small random model of one of the architectures, whose file is as valid as a trained one's: other people's
// engines load it too. Weights are scaled so that activations stay near unit size; quantized matrices get random bits
// in every field and only their block scales are chosen.
//
//   make_tiny_model OUT [--type Q4_K] [--width 64] [--heads 4] ... (see main)
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "gguf/writer.h"
#include "quant/half.h"
#include "quant/type.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests

struct Shape {
  std::string architecture = "llama";
  std::vector<std::string> types = {"F32"};  // the matrices take turns
  std::string embedding_type;                // empty: the first of them
  unsigned width = 64;
  unsigned heads = 4;
  unsigned kv_heads = 2;
  unsigned head_width = 0;  // 0: width / heads
  unsigned feed_forward = 128;
  unsigned blocks = 2;
  unsigned vocabulary = 320;
  unsigned context = 256;
  bool tied = false;
  bool biases = false;
  bool fused = false;   // q, k and v are one tensor; of deepseek2 k and v
  bool scaled = false;  // linear steps have a tensor with a factor
  float norm_mean = 1;  // of the norms' weights
  unsigned seed = 1;

  bool unrotated = false;        // what Granite says of it
  unsigned rope_dimensions = 0;  // 0: the head width
  float rope_base = 10000;
  std::string rope_scaling;  // none, linear, yarn: metadata; llama3, longrope: tensors of factors; empty: nothing
  float rope_factor = 4;
  float rope_attention_factor = 0;  // 0: not in the file
  unsigned rope_original_context = 64;
  std::vector<std::string> floats;  // further metadata: NAME=VALUE is the float ARCHITECTURE.NAME
  unsigned window = 0;              // 0: not in the file

  unsigned experts = 0;  // 0: one feed-forward part
  unsigned used_experts = 2;
  unsigned shared_expert = 0;       // 0: none
  std::vector<std::string> counts;  // further metadata: NAME=VALUE is the integer ARCHITECTURE.NAME
  bool normalised_experts = false;

  // deepseek2
  unsigned latent = 0;    // width of what keys and values are made of
  unsigned q_latent = 0;  // 0: q is made of the stream
  unsigned value_width = 0;
  unsigned dense_blocks = 0;  // leading ones
  bool router_bias = false;   // exp_probs_b
};

/// Where a quantized type keeps the float16 scales of a block.
struct ScaleFields {
  const char* type;
  std::size_t d;
  std::size_t dmin;  // 0: none
};
constexpr ScaleFields kScaleFields[] = {{"Q4_0", 0, 0},    {"Q4_1", 0, 2},   {"Q5_0", 0, 0},   {"Q5_1", 0, 2},
                                        {"Q8_0", 0, 0},    {"Q2_K", 80, 82}, {"Q3_K", 108, 0}, {"Q4_K", 0, 2},
                                        {"Q5_K", 0, 2},    {"Q6_K", 208, 0}, {"IQ4_NL", 0, 0}, {"IQ1_S", 0, 0},
                                        {"IQ2_XXS", 0, 0}, {"IQ2_XS", 0, 0}, {"IQ2_S", 0, 0},  {"IQ3_XXS", 0, 0},
                                        {"IQ3_S", 0, 0},   {"IQ4_XS", 0, 0}, {"TQ1_0", 52, 0}, {"TQ2_0", 64, 0}};

/// Of NVFP4's values, which no scale of a block makes larger or smaller.
constexpr double kNvfp4Rms = 5;

class TinyModel {
 public:
  explicit TinyModel(const Shape& shape) : shape_(shape), random_(shape.seed) {
    if (shape_.head_width == 0) shape_.head_width = shape_.width / shape_.heads;
    if (shape_.rope_dimensions == 0) shape_.rope_dimensions = shape_.head_width;
    if (shape_.embedding_type.empty()) shape_.embedding_type = shape_.types.front();
  }

  void write(const std::string& path) {
    add_hyper_parameters();
    add_vocabulary();
    add_tensors();
    writer_.write(path);
  }

 private:
  void add_hyper_parameters() {
    writer_.add_string("general.architecture", shape_.architecture);
    writer_.add_string("general.name", "tiny random model");
    writer_.add_uint(key("block_count"), shape_.blocks);
    writer_.add_uint(key("context_length"), shape_.context);
    writer_.add_uint(key("embedding_length"), shape_.width);
    writer_.add_uint(key("feed_forward_length"), shape_.feed_forward);
    writer_.add_uint(key("attention.head_count"), shape_.heads);
    writer_.add_uint(key("attention.head_count_kv"), shape_.kv_heads);
    if (is("deepseek2")) {
      add_latent_hyper_parameters();
    } else if (shape_.head_width * shape_.heads != shape_.width) {
      writer_.add_uint(key("attention.key_length"), shape_.head_width);
      writer_.add_uint(key("attention.value_length"), shape_.head_width);
    }
    writer_.add_float(key(is("starcoder2", "command-r", "cohere2") ? "attention.layer_norm_epsilon"
                                                                   : "attention.layer_norm_rms_epsilon"),
                      1e-5F);
    writer_.add_uint(key("vocab_size"), shape_.vocabulary);
    writer_.add_uint(key("rope.dimension_count"), shape_.rope_dimensions);
    writer_.add_float(key("rope.freq_base"), shape_.rope_base);
    if (shape_.window != 0) writer_.add_uint(key("attention.sliding_window"), shape_.window);
    if (shape_.experts != 0) {
      writer_.add_uint(key("expert_count"), shape_.experts);
      writer_.add_uint(key("expert_used_count"), shape_.used_experts);
      if (!is("llama", "granitemoe")) writer_.add_uint(key("expert_feed_forward_length"), shape_.feed_forward);
    }
    if (shape_.shared_expert != 0 && !is("deepseek2")) {
      writer_.add_uint(key("expert_shared_feed_forward_length"), shape_.shared_expert);
    }
    if (shape_.unrotated) writer_.add_bool(key("rope.scaling.finetuned"), false);
    for (const std::string& pair : shape_.floats) {
      const std::size_t equals = equals_sign(pair);
      writer_.add_float(key(pair.substr(0, equals)), std::strtof(pair.c_str() + equals + 1, nullptr));
    }
    for (const std::string& pair : shape_.counts) {
      const std::size_t equals = equals_sign(pair);
      writer_.add_uint(key(pair.substr(0, equals)),
                       static_cast<std::uint32_t>(std::strtoul(pair.c_str() + equals + 1, nullptr, 10)));
    }
    if (shape_.rope_scaling == "longrope") {
      writer_.add_uint(key("rope.scaling.original_context_length"), shape_.rope_original_context);
      writer_.add_float(key("rope.scaling.attn_factor"), shape_.rope_attention_factor);
      return;
    }
    if (shape_.rope_scaling.empty() || shape_.rope_scaling == "llama3") return;
    writer_.add_string(key("rope.scaling.type"), shape_.rope_scaling);
    writer_.add_float(key("rope.scaling.factor"), shape_.rope_factor);
    if (shape_.rope_attention_factor != 0) {
      writer_.add_float(key("rope.scaling.attn_factor"), shape_.rope_attention_factor);
    }
    if (shape_.rope_scaling == "yarn") {
      writer_.add_uint(key("rope.scaling.original_context_length"), shape_.rope_original_context);
    }
  }

  static std::size_t equals_sign(const std::string& pair) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) throw Error(ErrorKind::usage, "NAME=VALUE is wanted, not " + pair);
    return equals;
  }

  /// With one tensor of keys and values the head's widths are the model's; else those are of what is cached.
  void add_latent_hyper_parameters() {
    writer_.add_uint(key("attention.key_length"),
                     shape_.fused ? shape_.head_width : shape_.latent + shape_.rope_dimensions);
    writer_.add_uint(key("attention.value_length"), shape_.fused ? shape_.value_width : shape_.latent);
    if (!shape_.fused) {
      writer_.add_uint(key("attention.key_length_mla"), shape_.head_width);
      writer_.add_uint(key("attention.value_length_mla"), shape_.value_width);
    }
    writer_.add_uint(key("attention.kv_lora_rank"), shape_.latent);
    if (shape_.q_latent != 0) writer_.add_uint(key("attention.q_lora_rank"), shape_.q_latent);
    writer_.add_uint(key("leading_dense_block_count"), shape_.dense_blocks);
    writer_.add_uint(key("expert_shared_count"), shape_.shared_expert / shape_.feed_forward);
    writer_.add_bool(key("expert_weights_norm"), shape_.normalised_experts);
  }

  std::string key(const std::string& name) const { return shape_.architecture + "." + name; }
  /// Whether the architecture is one of these.
  template <typename... Names>
  bool is(Names... names) const {
    return ((shape_.architecture == names) || ...);
  }

  /// A SentencePiece vocabulary: three special tokens, 256 bytes, then words of letters.
  void add_vocabulary() {
    constexpr std::int32_t kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6;
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<std::int32_t> types = {kUnknown, kControl, kControl};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(fmt::format("<0x{:02X}>", byte));
    types.resize(tokens.size(), kByte);
    for (unsigned word = 0; tokens.size() < shape_.vocabulary; ++word) tokens.push_back(spell(word));
    types.resize(tokens.size(), kNormal);
    std::vector<float> scores(tokens.size(), 0);
    for (std::size_t i = 259; i < scores.size(); ++i) scores[i] = -static_cast<float>(i - 259);

    writer_.add_string("tokenizer.ggml.model", "llama");
    writer_.add_string("tokenizer.ggml.pre", "default");
    writer_.add_strings("tokenizer.ggml.tokens", tokens);
    writer_.add_floats("tokenizer.ggml.scores", scores);
    writer_.add_ints("tokenizer.ggml.token_type", types);
    writer_.add_uint("tokenizer.ggml.bos_token_id", 1);
    writer_.add_uint("tokenizer.ggml.eos_token_id", 2);
    writer_.add_uint("tokenizer.ggml.unknown_token_id", 0);
    writer_.add_bool("tokenizer.ggml.add_bos_token", true);
    writer_.add_bool("tokenizer.ggml.add_eos_token", false);
  }

  /// The space mark, a to z, then longer words: each number its own.
  static std::string spell(unsigned word) {
    if (word == 0) return "\u2581";
    std::string letters;
    for (; word > 0; word = (word - 1) / 26) letters.insert(letters.begin(), static_cast<char>('a' + (word - 1) % 26));
    return letters;
  }

  void add_tensors() {
    const unsigned width = shape_.width;
    const unsigned q_width = shape_.heads * shape_.head_width;
    const unsigned kv_width = shape_.kv_heads * shape_.head_width;
    // A tied table is the output matrix too, so its rows must not be as long as an embedding may be.
    const double embedding_size = shape_.tied ? 4 / std::sqrt(width) : 1;
    // And Gemma multiplies them by sqrt(width).
    const double shrinking = is("gemma2", "gemma3") ? std::sqrt(width) / 2 : 1;
    add_matrix("token_embd.weight", shape_.embedding_type, width, shape_.vocabulary, embedding_size / shrinking);
    for (unsigned block = 0; block < shape_.blocks; ++block) {
      const std::string blk = fmt::format("blk.{}.", block);
      const bool are_qkv_biased = shape_.biases || is("qwen2", "qwen2moe", "starcoder2", "gpt-oss");
      const bool are_biased = (shape_.biases && !is("glm4")) || is("starcoder2", "gpt-oss");
      if (!is("olmo2")) add_norm(blk + "attn_norm", width, shape_.norm_mean);
      if (is("deepseek2")) {
        add_latent_attention(blk);
      } else if (shape_.fused) {
        add_linear(blk + "attn_qkv", width, q_width + 2 * kv_width, are_qkv_biased);
      } else {
        add_linear(blk + "attn_q", width, q_width, are_qkv_biased);
        add_linear(blk + "attn_k", width, kv_width, are_qkv_biased);
        add_linear(blk + "attn_v", width, kv_width, are_qkv_biased);
      }
      add_linear(blk + "attn_output", is("deepseek2") ? shape_.heads * shape_.value_width : q_width, width, are_biased);
      if (is("gpt-oss")) add_vector(blk + "attn_sinks.weight", shape_.heads, 1);
      if (is("qwen3", "qwen3moe", "gemma3", "olmo2")) {
        add_vector(blk + "attn_q_norm.weight", is("olmo2") ? q_width : shape_.head_width, 1);
        add_vector(blk + "attn_k_norm.weight", is("olmo2") ? kv_width : shape_.head_width, 1);
      }
      if (is("gemma2", "gemma3", "olmo2", "glm4")) {
        add_vector(blk + "post_attention_norm.weight", width, 1);
        add_vector(blk + "post_ffw_norm.weight", width, 1);
      }
      if (!is("olmo2", "command-r", "cohere2"))
        add_norm(blk + (is("gpt-oss") ? "post_attention_norm" : "ffn_norm"), width, shape_.norm_mean);
      if (shape_.experts != 0 && block >= shape_.dense_blocks) {
        add_experts(blk);
        continue;
      }
      if (!is("phi3", "glm4", "starcoder2")) add_linear(blk + "ffn_gate", width, shape_.feed_forward, are_biased);
      add_linear(blk + "ffn_up", width, shape_.feed_forward * (is("phi3", "glm4") ? 2 : 1), are_biased);
      add_linear(blk + "ffn_down", shape_.feed_forward, width, are_biased);
    }
    add_norm("output_norm", width, 1);
    if (!shape_.tied) {
      add_matrix("output.weight", shape_.embedding_type, width, shape_.vocabulary, 1 / std::sqrt(width));
    }
    if (shape_.rope_scaling == "llama3") add_llama3_factors();
    if (shape_.rope_scaling == "longrope") {
      for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
        add_vector(name, shape_.rope_dimensions / 2, 2);
      }
    }
  }

  void add_norm(const std::string& name, unsigned width, float mean) {
    add_vector(name + ".weight", width, mean);
    if (is("starcoder2")) add_vector(name + ".bias", width, 0);
  }

  void add_linear(const std::string& name, unsigned inputs, unsigned outputs, bool is_biased) {
    const std::string& type = shape_.types[linears_++ % shape_.types.size()];
    const double rms = 1 / std::sqrt(inputs);
    const double factor = type == "NVFP4" ? rms / kNvfp4Rms : shape_.scaled ? 0.5 + 0.25 * (linears_ % 5) : 1;
    add_matrix(name + ".weight", type, inputs, outputs, rms / factor);
    if (factor != 1) add_floats(name + ".scale", {static_cast<float>(factor)});
    if (is_biased) add_vector(name + ".bias", outputs, 0);
  }

  void add_experts(const std::string& blk) {
    const unsigned width = shape_.width;
    // A router whose scores differ: its weights are far from equal.
    add_matrix(blk + "ffn_gate_inp.weight", "F32", width, shape_.experts, 2 / std::sqrt(width));
    add_matrices(blk + "ffn_gate_exps.weight", width, shape_.feed_forward, 1);
    add_matrices(blk + "ffn_up_exps.weight", width, shape_.feed_forward, 1);
    // Gates that pass gpt-oss's limits are large, but the stream should not be: beside it an epsilon matters.
    add_matrices(blk + "ffn_down_exps.weight", shape_.feed_forward, width, is("gpt-oss") ? 0.125 : 1);
    if (is("gpt-oss")) {
      add_vector(blk + "ffn_gate_inp.bias", shape_.experts, 0);
      add_matrix(blk + "ffn_gate_exps.bias", "F32", shape_.feed_forward, shape_.experts, 4);
      add_matrix(blk + "ffn_up_exps.bias", "F32", shape_.feed_forward, shape_.experts, 4);
      add_matrix(blk + "ffn_down_exps.bias", "F32", width, shape_.experts, 0.2);
    }
    if (shape_.router_bias) add_vector(blk + "exp_probs_b.bias", shape_.experts, 0);
    if (shape_.shared_expert == 0) return;
    if (!is("deepseek2", "granitemoe"))
      add_matrix(blk + "ffn_gate_inp_shexp.weight", "F32", width, 1, 1 / std::sqrt(width));
    add_linear(blk + "ffn_gate_shexp", width, shape_.shared_expert, false);
    add_linear(blk + "ffn_up_shexp", width, shape_.shared_expert, false);
    add_linear(blk + "ffn_down_shexp", shape_.shared_expert, width, false);
  }

  void add_latent_attention(const std::string& blk) {
    const unsigned rotated = shape_.rope_dimensions;
    const unsigned plain = shape_.head_width - rotated;
    if (shape_.q_latent == 0) {
      add_linear(blk + "attn_q", shape_.width, shape_.heads * shape_.head_width, false);
    } else {
      add_linear(blk + "attn_q_a", shape_.width, shape_.q_latent, false);
      add_vector(blk + "attn_q_a_norm.weight", shape_.q_latent, 1);
      add_linear(blk + "attn_q_b", shape_.q_latent, shape_.heads * shape_.head_width, false);
    }
    add_linear(blk + "attn_kv_a_mqa", shape_.width, shape_.latent + rotated, false);
    add_vector(blk + "attn_kv_a_norm.weight", shape_.latent, 1);
    if (shape_.fused) {
      add_linear(blk + "attn_kv_b", shape_.latent, shape_.heads * (plain + shape_.value_width), false);
      return;
    }
    // Transposed: a key is made of the latent vector.
    add_matrices(blk + "attn_k_b.weight", plain, shape_.latent, std::sqrt(static_cast<double>(plain) / shape_.latent),
                 shape_.heads);
    add_matrices(blk + "attn_v_b.weight", shape_.latent, shape_.value_width, 1, shape_.heads);
  }

  /// One matrix an expert, or a head.
  void add_matrices(const std::string& name, unsigned inputs, unsigned outputs, double size, unsigned matrices = 0) {
    add_matrix(name, shape_.types[linears_++ % shape_.types.size()], inputs, outputs, size / std::sqrt(inputs),
               matrices == 0 ? shape_.experts : matrices);
  }

  /// float32 values around `mean`.
  void add_vector(const std::string& name, unsigned length, float mean) {
    std::vector<float> values(length);
    for (float& value : values) value = mean + 0.2F * static_cast<float>(normal_(random_));
    add_floats(name, values);
  }

  void add_floats(const std::string& name, const std::vector<float>& values) {
    std::vector<std::byte>& data = data_.emplace_back(values.size() * sizeof(float));
    std::memcpy(data.data(), values.data(), data.size());
    writer_.add_tensor(name, *quant::find_type("F32"), {values.size()}, data);
  }

  /// `matrices`: 0 for a tensor of two dimensions.
  void add_matrix(const std::string& name, const std::string& type_name, unsigned columns, unsigned rows, double rms,
                  unsigned matrices = 0) {
    const quant::Type* type = quant::find_type(type_name);
    if (type == nullptr || !type->is_decodable()) throw Error(ErrorKind::usage, "no values known for " + type_name);
    const bool has_halves = type->name != "MXFP4" && type->name != "NVFP4";
    if (type->is_quantized() && has_halves && find_scales(*type) == std::end(kScaleFields)) {
      throw Error(ErrorKind::usage, "no place known of the scales of " + type_name);
    }
    if (columns % type->block_values != 0) {
      throw Error(ErrorKind::usage, fmt::format("{}: rows of {} are no whole blocks of {}", name, columns, type_name));
    }
    const std::size_t blocks = std::size_t{columns} / type->block_values * rows * std::max(1U, matrices);
    std::vector<std::byte>& data = data_.emplace_back(blocks * type->block_bytes);
    for (std::size_t block = 0; block < blocks; ++block) {
      std::byte* bytes = data.data() + block * type->block_bytes;
      if (type->is_quantized()) {
        fill_quantized(*type, bytes, rms);
      } else {
        fill_float(type_name, bytes, static_cast<float>(rms * normal_(random_)));
      }
    }
    std::vector<std::uint64_t> ne = {columns, rows};
    if (matrices != 0) ne.push_back(matrices);
    writer_.add_tensor(name, *type, ne, data);
  }

  static void fill_float(const std::string& type, std::byte* bytes, float value) {
    if (type == "F32") {
      std::memcpy(bytes, &value, sizeof value);
    } else {
      store(bytes, type == "F16" ? quant::float_to_half(value) : quant::float_to_bfloat(value));
    }
  }

  static void store(std::byte* bytes, std::uint16_t bits) { std::memcpy(bytes, &bits, sizeof bits); }

  static const ScaleFields* find_scales(const quant::Type& type) {
    return std::find_if(std::begin(kScaleFields), std::end(kScaleFields),
                        [&](const ScaleFields& fields) { return fields.type == type.name; });
  }

  /// Random bits; then d such that the block's values have this root mean square, and dmin such that they have no mean.
  void fill_quantized(const quant::Type& type, std::byte* bytes, double rms) {
    const ScaleFields* fields = find_scales(type);
    for (std::size_t i = 0; i < type.block_bytes; ++i) bytes[i] = static_cast<std::byte>(random_() & 255U);
    if (type.name == "NVFP4") {  // scales from 0.5 to 3.75
      for (int i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(0x30 + random_() % 24);
      return;
    }
    if (type.name == "MXFP4") {
      // A power of two, by its exponent; the integers that it scales are of size 5.4.
      bytes[0] = static_cast<std::byte>(128 + std::lround(std::log2(rms / 5.4)));
      return;
    }
    double dmin = 0;
    if (fields->dmin != 0) {
      const double mean_of_quants = statistics(type, *fields, bytes, 1, 0).mean;
      const double mean_of_minimums = statistics(type, *fields, bytes, 0, 1).mean;
      if (mean_of_minimums != 0) dmin = -mean_of_quants / mean_of_minimums;
    }
    const double size = statistics(type, *fields, bytes, 1, dmin).rms;
    const double d = size > 0 ? rms / size * (random_() % 2 == 0 ? 1 : -1) : 0;
    set_scales(*fields, bytes, d, d * dmin);
  }

  struct Statistics {
    double mean, rms;
  };
  static Statistics statistics(const quant::Type& type, const ScaleFields& fields, std::byte* bytes, double d,
                               double dmin) {
    set_scales(fields, bytes, d, dmin);
    std::array<double, quant::kMaxBlockValues> values;
    quant::decode_exact(type, bytes, 1, values.data());
    Statistics sums{0, 0};
    for (unsigned i = 0; i < type.block_values; ++i) {
      sums.mean += values[i];
      sums.rms += values[i] * values[i];
    }
    return {sums.mean / type.block_values, std::sqrt(sums.rms / type.block_values)};
  }

  static void set_scales(const ScaleFields& fields, std::byte* bytes, double d, double dmin) {
    store(bytes + fields.d, quant::float_to_half(static_cast<float>(d)));
    if (fields.dmin != 0) store(bytes + fields.dmin, quant::float_to_half(static_cast<float>(dmin)));
  }

  /// Llama 3's scaling by wave length, as its converter writes it: rotations much longer than the original context are
  /// slowed by the factor, much shorter ones stay, between them the frequency goes over linearly in the inverse wave
  /// length.
  void add_llama3_factors() {
    constexpr double kPi = 3.14159265358979323846, kLow = 1, kHigh = 4;
    std::vector<float> factors;
    for (unsigned channel = 0; channel < shape_.rope_dimensions; channel += 2) {
      const double wave = 2 * kPi * std::pow(shape_.rope_base, static_cast<double>(channel) / shape_.rope_dimensions);
      const double turns = shape_.rope_original_context / wave;
      const double share = std::min(1.0, std::max(0.0, (turns - kLow) / (kHigh - kLow)));
      factors.push_back(static_cast<float>(1 / ((1 - share) / shape_.rope_factor + share)));
    }
    add_floats("rope_freqs.weight", factors);
  }

  Shape shape_;
  std::size_t linears_ = 0;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::deque<std::vector<std::byte>> data_;  // the writer keeps views of it
  gguf::Writer writer_;
};

int run(int argc, char** argv) {
  Shape shape;
  std::string path;
  CLI::App app("Writes a small random model");
  app.add_option("out", path)->required();
  app.add_option("--architecture", shape.architecture);
  app.add_option("--type", shape.types, "type of the matrices; of several each takes its turn")->delimiter(',');
  app.add_option("--embedding-type", shape.embedding_type, "type of the token table and the output");
  app.add_option("--width", shape.width);
  app.add_option("--heads", shape.heads);
  app.add_option("--kv-heads", shape.kv_heads);
  app.add_option("--head-width", shape.head_width);
  app.add_option("--feed-forward", shape.feed_forward);
  app.add_option("--blocks", shape.blocks);
  app.add_option("--vocabulary", shape.vocabulary)->check(CLI::Range(259, 1 << 20));
  app.add_option("--context", shape.context);
  app.add_flag("--tied", shape.tied);
  app.add_flag("--unrotated", shape.unrotated, "of granite and granitemoe");
  app.add_flag("--biases", shape.biases);
  app.add_flag("--fused", shape.fused, "attn_qkv in the place of attn_q, attn_k and attn_v");
  app.add_flag("--scaled", shape.scaled, "every linear step has a tensor with a factor");
  app.add_option("--norm-mean", shape.norm_mean, "of the weights of attn_norm and ffn_norm");
  app.add_option("--seed", shape.seed);
  app.add_option("--rope-dimensions", shape.rope_dimensions);
  app.add_option("--rope-base", shape.rope_base);
  app.add_option("--rope-scaling", shape.rope_scaling)
      ->check(CLI::IsMember({"none", "linear", "yarn", "llama3", "longrope"}));
  app.add_option("--rope-factor", shape.rope_factor);
  app.add_option("--rope-attention-factor", shape.rope_attention_factor);
  app.add_option("--rope-original-context", shape.rope_original_context);
  app.add_option("--float", shape.floats, "NAME=VALUE: the metadata ARCHITECTURE.NAME");
  app.add_option("--window", shape.window);
  app.add_option("--experts", shape.experts);
  app.add_option("--used-experts", shape.used_experts);
  app.add_option("--shared-expert", shape.shared_expert, "its width");
  app.add_option("--count", shape.counts, "NAME=VALUE: the metadata ARCHITECTURE.NAME");
  app.add_flag("--normalised-experts", shape.normalised_experts);
  app.add_flag("--router-bias", shape.router_bias);
  app.add_option("--latent", shape.latent);
  app.add_option("--q-latent", shape.q_latent);
  app.add_option("--value-width", shape.value_width);
  app.add_option("--dense-blocks", shape.dense_blocks);
  CLI11_PARSE(app, argc, argv);
  TinyModel(shape).write(path);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_tiny_model: %s\n", error.what());
    return 2;
  }
}

// Loading: the plans of architectures, and files whose tensors are not what the metadata says.
#include "model/model.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/weight_health.h"
#include "tests/support/tiny_model.h"

namespace assay::model {
namespace {

using test::KeyValue;
using test::LoadedModel;
using test::TinyModel;

std::string error_of(const TinyModel& tiny, ErrorKind kind = ErrorKind::input) {
  try {
    const LoadedModel loaded(tiny);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

std::vector<std::string> taps(const Plan& plan) {
  std::vector<std::string> names;
  for (const Value& value : plan.values) names.push_back(value.tap);
  return names;
}

const Step& step_of(const Plan& plan, const std::string& tap) {
  const auto writes = [&](const Step& step) { return plan.values[static_cast<std::size_t>(step.output)].tap == tap; };
  return *std::find_if(plan.steps.begin(), plan.steps.end(), writes);
}

TEST(Model, PlansEveryTapInOrder) {
  const LoadedModel loaded{TinyModel{}};
  std::vector<std::string> expected = {"embed"};
  for (const char* block : {"blk.0.", "blk.1."}) {
    for (const char* tap : {"attn_norm", "q", "k", "v", "q_rope", "k_rope", "attn", "attn_out", "attn_residual",
                            "ffn_norm", "ffn_gate", "ffn_up", "ffn_act", "ffn_out", "out"}) {
      expected.push_back(std::string(block) + tap);
    }
  }
  expected.insert(expected.end(), {"final_norm", "logits"});
  const Plan& plan = loaded->plan;
  EXPECT_EQ(taps(plan), expected);
  EXPECT_EQ(plan.vocabulary, 50U);
  EXPECT_EQ(plan.context_length, 64U);
  EXPECT_EQ(plan.layers, 2U);
  EXPECT_EQ(plan.kv_width, 12U);
  EXPECT_EQ(plan.logits, plan.steps.back().output);
  EXPECT_TRUE(loaded->warnings.empty());
  for (const Step& step : plan.steps) EXPECT_EQ(step.only_outputs, &step >= &plan.steps[plan.steps.size() - 2]);
}

TEST(Model, TiesTheHeadWhenThereIsNone) {
  TinyModel tiny;
  tiny.tensors.erase("output.weight");
  const LoadedModel loaded(tiny);
  const auto& head = std::get<Linear>(step_of(loaded->plan, "logits").operation);
  EXPECT_EQ(loaded->plan.weights[static_cast<std::size_t>(head.weight)]->name, "token_embd.weight");
  EXPECT_EQ(head.weight, std::get<Embed>(step_of(loaded->plan, "embed").operation).table);
}

TEST(Model, TakesBiasesThatAreThere) {
  TinyModel tiny;
  tiny.add("blk.1.attn_q.bias", {24}, 1);
  tiny.add("blk.0.ffn_down.bias", {24}, 1);
  const LoadedModel loaded(tiny);
  const auto bias = [&](const std::string& tap) { return std::get<Linear>(step_of(loaded->plan, tap).operation).bias; };
  EXPECT_EQ(bias("blk.0.q"), kNoWeight);
  EXPECT_EQ(loaded->plan.weights[static_cast<std::size_t>(bias("blk.1.q"))]->name, "blk.1.attn_q.bias");
  EXPECT_NE(bias("blk.0.ffn_out"), kNoWeight);
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(Model, NamesMissingTensors) {
  TinyModel tiny;
  tiny.tensors.erase("blk.1.attn_k.weight");
  EXPECT_EQ(error_of(tiny), "tiny.gguf: tensor blk.1.attn_k.weight is missing");
  tiny.keys["llama.block_count"] = 4U;
  EXPECT_EQ(error_of(tiny),
            "tiny.gguf: tensor blk.1.attn_k.weight is missing; blk.2.attn_norm.weight is missing; "
            "blk.2.attn_q.weight is missing and 16 more");
}

TEST(Model, NamesMisshapenTensors) {
  TinyModel tiny;
  tiny.add("blk.0.ffn_up.weight", {40, 24}, 1);
  EXPECT_EQ(error_of(tiny),
            "tiny.gguf: tensor blk.0.ffn_up.weight has shape [40, 24] where the hyper-parameters ask for [24, 40]");
  tiny = {};
  tiny.keys["llama.attention.head_count_kv"] = 4U;
  EXPECT_NE(error_of(tiny).find("blk.0.attn_k.weight has shape [24, 12]"), std::string::npos);
  tiny = {};
  tiny.add("blk.0.attn_norm.weight", {24, 1}, 1);
  EXPECT_EQ(error_of(tiny), "");  // a trailing 1 says nothing
}

TEST(Model, HoldsTheVocabularyToTheTable) {
  TinyModel tiny;
  tiny.keys["tokenizer.ggml.tokens"] = std::vector<std::string>(51, "x");
  EXPECT_NE(error_of(tiny).find("token_embd.weight has shape [24, 50]"), std::string::npos);
}

TEST(Model, WarnsOfUnusedTensorsAndKeys) {
  TinyModel tiny;
  tiny.add("blk.0.attn_q_norm.weight", {6}, 1);
  tiny.keys["llama.logit_scale"] = 2.0F;
  const LoadedModel loaded(tiny);
  EXPECT_EQ(loaded->warnings, (std::vector<std::string>{"1 tensors are not used: blk.0.attn_q_norm.weight",
                                                        "1 metadata keys are not used: llama.logit_scale"}));
}

TEST(Model, RefusesRoutersAndLatentAttentionThatItDoesNotKnow) {
  const auto with = [](const std::string& key, std::uint32_t value) {
    TinyModel tiny;
    tiny.become("deepseek2");
    tiny.keys["deepseek2." + key] = value;
    return tiny;
  };
  EXPECT_EQ(error_of(with("expert_gating_func", 3), ErrorKind::unsupported),
            "tiny.gguf: expert_gating_func is 3: neither softmax (1) nor sigmoid (2), which is not supported");
  EXPECT_EQ(error_of(with("expert_group_count", 3)), "tiny.gguf: 2 of 3 groups of experts cannot hold 2 of 8 experts");
  EXPECT_EQ(error_of(with("expert_group_count", 8)), "tiny.gguf: 2 of 8 groups of experts cannot hold 2 of 8 experts");
  EXPECT_EQ(error_of(with("rope.dimension_count", 8)),
            "tiny.gguf: deepseek2: rope.dimension_count is 8, but a head of 8 channels has an unrotated part too");
  TinyModel linear = with("rope.dimension_count", 4);
  linear.keys["deepseek2.rope.scaling.factor"] = 4.0F;
  EXPECT_EQ(error_of(linear, ErrorKind::unsupported),
            "tiny.gguf: rope.scaling other than YaRN's in latent attention, which is not supported");
  TinyModel without = with("rope.dimension_count", 4);
  without.keys.erase("deepseek2.attention.kv_lora_rank");
  EXPECT_EQ(error_of(without), "tiny.gguf: deepseek2: attention.kv_lora_rank is missing");
}

TEST(Model, MatricesMayHaveFactors) {
  TinyModel tiny;
  tiny.add("blk.1.ffn_up.scale", {1}, 1);
  tiny.add("blk.1.ffn_up.input_scale", {1}, 1);
  const LoadedModel loaded(tiny);
  EXPECT_TRUE(loaded->warnings.empty());
  const Step& step = step_of(loaded->plan, "blk.1.ffn_up");
  EXPECT_EQ(std::get<Scale>(step.operation).factor, tiny.tensors["blk.1.ffn_up.scale"].values[0]);
  EXPECT_EQ(loaded->plan.values[static_cast<std::size_t>(step.inputs[0])].tap, "blk.1.ffn_up_unscaled");

  tiny.add("blk.1.ffn_up.bias", {40}, 1);
  EXPECT_EQ(error_of(tiny, ErrorKind::unsupported),
            "tiny.gguf: tensor blk.1.ffn_up.scale beside a bias, which is not supported");
  TinyModel mixture;
  mixture.add_experts();
  mixture.add("blk.0.ffn_up_exps.scale", {5}, 1);
  EXPECT_EQ(error_of(mixture, ErrorKind::unsupported),
            "tiny.gguf: tensor blk.0.ffn_up_exps.scale, a factor for each expert, which is not supported");
  tiny.tensors.erase("blk.1.ffn_up.bias");
  tiny.add("blk.1.ffn_up.scale", {2}, 1);
  EXPECT_NE(error_of(tiny).find("blk.1.ffn_up.scale has shape [2]"), std::string::npos);
}

TEST(Model, RefusesOtherArchitectures) {
  TinyModel tiny;
  tiny.keys["general.architecture"] = std::string("mam\nba");
  const std::string error = error_of(tiny, ErrorKind::unsupported);
  EXPECT_EQ(error.find("tiny.gguf: unknown architecture 'mam\\nba'; known: "), 0U) << error;
  EXPECT_NE(error.find(", llama, "), std::string::npos) << error;
  tiny.keys["general.architecture"] = std::string();
  EXPECT_EQ(error_of(tiny), "tiny.gguf: general.architecture is missing");
}

TEST(Model, RefusesExpertsWhereItHasNoneOfTheirKind) {
  TinyModel tiny;
  tiny.become("gemma2");
  tiny.keys["gemma2.expert_count"] = 8U;
  tiny.keys["gemma2.expert_used_count"] = 2U;
  EXPECT_NE(error_of(tiny, ErrorKind::unsupported).find("8 experts"), std::string::npos);
  tiny = {};
  tiny.become("qwen3moe");
  tiny.keys.erase("qwen3moe.expert_count");
  EXPECT_EQ(error_of(tiny), "tiny.gguf: qwen3moe.expert_count is missing or 0");
  tiny = {};
  tiny.add_experts();
  tiny.add("blk.0.ffn_gate.0.weight", {24, 16}, 1);
  EXPECT_NE(error_of(tiny, ErrorKind::unsupported).find("a tensor for every expert"), std::string::npos);
  tiny.tensors.erase("blk.0.ffn_gate.0.weight");
  tiny.add("blk.0.ffn_up_exps.weight", {24, 5, 16}, 1);
  EXPECT_NE(error_of(tiny).find("blk.0.ffn_up_exps.weight has shape [24, 5, 16]"), std::string::npos);
}

TEST(Model, WidthsOfExpertsMayBeLeftToTheReader) {
  TinyModel tiny;
  tiny.become("qwen3moe");
  EXPECT_EQ(std::get<ExpertLinear>(step_of(LoadedModel(tiny)->plan, "blk.1.ffn_expert_up").operation).outputs, 16U);
  tiny.keys["qwen3moe.expert_feed_forward_length"] = 16U;
  tiny.keys["qwen3moe.feed_forward_length"] = 99U;
  EXPECT_EQ(error_of(tiny), "");
}

TEST(Model, Qwen2NeedsItsBiases) {
  TinyModel tiny;
  tiny.become("qwen2");
  EXPECT_EQ(error_of(tiny), "");
  tiny.tensors.erase("blk.1.attn_k.bias");
  EXPECT_EQ(error_of(tiny), "tiny.gguf: tensor blk.1.attn_k.bias is missing");
}

TEST(Model, Qwen3NormsHeadsBeforeItRotatesThem) {
  TinyModel tiny;
  tiny.become("qwen3");
  const LoadedModel loaded(tiny);
  EXPECT_EQ(std::get<RmsNorm>(step_of(loaded->plan, "blk.1.k_norm").operation).group, 6U);
  const auto& rotated = step_of(loaded->plan, "blk.1.k_rope");
  EXPECT_EQ(loaded->plan.values[static_cast<std::size_t>(rotated.inputs[0])].tap, "blk.1.k_norm");
  EXPECT_EQ(std::get<Rope>(rotated.operation).pairing, RopePairing::halves);
  tiny.tensors.erase("blk.0.attn_q_norm.weight");
  EXPECT_EQ(error_of(tiny), "tiny.gguf: tensor blk.0.attn_q_norm.weight is missing");
}

TEST(Model, Gemma2PlansWhatItsFileSays) {
  TinyModel tiny;
  tiny.become("gemma2");
  {
    const LoadedModel loaded(tiny);
    EXPECT_TRUE(loaded->warnings.empty());
    const auto attention = [&](const char* tap) { return std::get<Attention>(step_of(loaded->plan, tap).operation); };
    EXPECT_EQ(attention("blk.0.attn").window, 3U);
    EXPECT_EQ(attention("blk.1.attn").window, 0U);
    EXPECT_EQ(attention("blk.1.attn").soft_cap, 2.0);
    EXPECT_EQ(std::get<SoftCap>(step_of(loaded->plan, "logits").operation).cap, 3.0);
    EXPECT_EQ(loaded->plan.logits, loaded->plan.steps.back().output);
    const auto names = taps(loaded->plan);
    for (const char* tap : {"embed_scaled", "blk.0.attn_post_norm", "blk.1.ffn_post_norm", "logits_raw"}) {
      EXPECT_EQ(std::count(names.begin(), names.end(), tap), 1) << tap;
    }
  }
  tiny.keys.erase("gemma2.attention.sliding_window");
  tiny.keys.erase("gemma2.final_logit_softcapping");
  const LoadedModel loaded(tiny);
  EXPECT_EQ(std::get<Attention>(step_of(loaded->plan, "blk.0.attn").operation).window, 4096U);
  EXPECT_EQ(std::get<SoftCap>(step_of(loaded->plan, "logits").operation).cap, 30.0);
}

TEST(Model, Gemma3RotatesWindowedBlocksByTheirOwnBase) {
  TinyModel tiny;
  tiny.become("gemma3");
  const LoadedModel loaded(tiny);
  EXPECT_TRUE(loaded->warnings.empty());
  for (const char* block : {"0", "4", "5"}) {
    const bool sees_all = *block == '5';
    const std::string blk = std::string("blk.") + block;
    const auto& rope = std::get<Rope>(step_of(loaded->plan, blk + ".q_rope").operation);
    EXPECT_EQ(rope.base, sees_all ? 1e6 : 1e4);
    EXPECT_EQ(rope.is_scaled, sees_all);
    EXPECT_EQ(rope.frequencies[0], sees_all ? 0.25 : 1.0);
    EXPECT_EQ(std::get<Attention>(step_of(loaded->plan, blk + ".attn").operation).window, sees_all ? 0U : 3U);
  }
}

TEST(Model, FusedTensorsGiveTheirRows) {
  TinyModel tiny;
  tiny.become("glm4");
  const LoadedModel loaded(tiny);
  EXPECT_TRUE(loaded->warnings.empty());
  const auto weight = [&](WeightId id) { return loaded->plan.weights[static_cast<std::size_t>(id)]; };
  const gguf::Tensor& whole = *loaded->file.find_tensor("blk.1.attn_qkv.weight");
  const auto& k = std::get<Linear>(step_of(loaded->plan, "blk.1.k").operation);
  EXPECT_EQ(weight(k.weight)->whole, &whole);
  EXPECT_EQ(weight(k.weight)->ne, (std::vector<std::uint64_t>{24, 12}));
  EXPECT_EQ(weight(k.weight)->data.data(), whole.row(24).data());
  EXPECT_EQ(weight(k.bias)->data.data(), loaded->file.find_tensor("blk.1.attn_qkv.bias")->data.data() + 24 * 4);
  EXPECT_EQ(weight(k.bias)->data.size(), 12U * 4);
  const auto& up = std::get<Linear>(step_of(loaded->plan, "blk.0.ffn_up").operation);
  EXPECT_EQ(weight(up.weight)->data.data(), loaded->file.find_tensor("blk.0.ffn_up.weight")->row(40).data());

  tiny.add("blk.0.attn_qkv.weight", {24, 47}, 1);
  EXPECT_EQ(error_of(tiny),
            "tiny.gguf: tensor blk.0.attn_qkv.weight has shape [24, 47] where the hyper-parameters ask for [24, 48]");
  tiny.add("blk.0.attn_qkv.weight", {24 * 48}, 1);
  EXPECT_NE(error_of(tiny).find("blk.0.attn_qkv.weight has shape [1152]"), std::string::npos);
  tiny.become("glm4");
  tiny.add("blk.0.attn_qkv.bias", {48}, 1);
  tiny.tensors["blk.0.attn_qkv.bias"].type = "BF16";
  EXPECT_EQ(error_of(tiny), "");
  tiny.tensors.erase("blk.1.ffn_up.weight");
  EXPECT_EQ(error_of(tiny), "tiny.gguf: tensor blk.1.ffn_up.weight is missing");
}

TEST(Model, PartsOfFusedTensorsAreWholeBlocks) {
  TinyModel tiny;
  tiny.become("glm4");
  tiny.keys["glm4.attention.key_length"] = 4U;
  tiny.keys["glm4.attention.value_length"] = 4U;
  for (const std::string& blk : {std::string("blk.0."), std::string("blk.1.")}) {
    tiny.add(blk + "attn_qkv.weight", {24, 32}, 1);
    tiny.add(blk + "attn_qkv.bias", {32}, 1);
    tiny.add(blk + "attn_output.weight", {16, 24}, 1);
  }
  EXPECT_EQ(error_of(tiny), "");
  tiny.tensors["blk.1.attn_qkv.bias"].type = "Q8_0";
  EXPECT_NE(error_of(tiny).find("blk.1.attn_qkv.bias is Q8_0, and a part of it ends inside a block"),
            std::string::npos);
}

TEST(Model, SmolLm3LeavesEveryFourthBlockUnrotated) {
  TinyModel tiny;
  tiny.become("smollm3");
  const LoadedModel loaded(tiny);
  const auto names = taps(loaded->plan);
  for (int block = 0; block < 4; ++block) {
    const std::string tap = "blk." + std::to_string(block) + ".q_rope";
    EXPECT_EQ(std::count(names.begin(), names.end(), tap), block == 3 ? 0 : 1);
  }
}

TEST(Model, Phi3TakesItsFactorsByTheContext) {
  TinyModel tiny;
  tiny.become("phi3");
  tiny.add("rope_factors_short.weight", {2}, 1);
  tiny.keys["phi3.rope.scaling.original_context_length"] = 16U;
  tiny.tensors["rope_factors_short.weight"].values = {1, 2};
  EXPECT_EQ(error_of(tiny), "tiny.gguf: tensor rope_factors_long.weight is missing");
  tiny.add("rope_factors_long.weight", {2}, 1);
  tiny.tensors["rope_factors_long.weight"].values = {1, 4};
  const std::vector<std::byte> bytes = tiny.bytes();
  const auto loaded = [&](std::size_t context) { return load_model(gguf::File::parse("tiny.gguf", bytes), context); };
  for (const std::size_t context : {0, 15, 16, 17, 1000}) {
    const Model model = loaded(context);
    const bool is_long = context > 16;
    EXPECT_EQ(std::get<Rope>(step_of(model.plan, "blk.0.q_rope").operation).frequencies[1], is_long ? 0.0025 : 0.005);
    EXPECT_EQ(model.plan.context_limit, is_long ? 0U : 16U);
    EXPECT_EQ(model.plan.context_length, is_long ? model.hyper_parameters.context_length : 16U);
    ASSERT_EQ(model.warnings.size(), 1U);
    EXPECT_NE(model.warnings[0].find(is_long ? "rope_factors_long" : "rope_factors_short"), std::string::npos);
  }
}

TEST(Model, Olmo3HasWindowsWithPlainRotations) {
  TinyModel tiny;
  tiny.become("olmo2");
  tiny.keys["olmo2.attention.sliding_window"] = 3U;
  tiny.keys["olmo2.rope.scaling.factor"] = 4.0F;
  const auto sees_all = [&](int block) {
    const LoadedModel loaded(tiny);
    EXPECT_TRUE(loaded->warnings.empty());
    const std::string blk = "blk." + std::to_string(block);
    const std::size_t window = std::get<Attention>(step_of(loaded->plan, blk + ".attn").operation).window;
    const auto& rope = std::get<Rope>(step_of(loaded->plan, blk + ".q_rope").operation);
    EXPECT_EQ(rope.frequencies[0], window == 0 ? 0.25 : 1.0);
    return window == 0;
  };
  EXPECT_FALSE(sees_all(0));
  EXPECT_FALSE(sees_all(1));
  tiny.keys["olmo2.attention.sliding_window_pattern"] = 2U;
  EXPECT_FALSE(sees_all(0));
  EXPECT_TRUE(sees_all(1));
  tiny.keys["olmo2.attention.sliding_window_pattern"] = std::vector<std::int32_t>{0, 0};
  EXPECT_TRUE(sees_all(0));
  tiny.keys["olmo2.attention.sliding_window_pattern"] = std::vector<std::int32_t>{1, 1};
  EXPECT_FALSE(sees_all(1));
  tiny.keys["olmo2.attention.sliding_window_pattern"] = std::vector<std::int32_t>{0, 1};
  EXPECT_NE(error_of(tiny, ErrorKind::unsupported).find("attention.sliding_window_pattern is 1 for block 1"),
            std::string::npos);
  tiny.keys["olmo2.attention.sliding_window_pattern"] = std::vector<std::int32_t>{1};
  EXPECT_NE(error_of(tiny).find("has 1 values, but the model has 2 blocks"), std::string::npos);
}

TEST(Model, GraniteMayBeUnrotated) {
  TinyModel tiny;
  tiny.become("granite");
  tiny.keys["granite.rope.scaling.finetuned"] = false;
  const LoadedModel loaded(tiny);
  EXPECT_TRUE(loaded->warnings.empty());
  for (const std::string& tap : taps(loaded->plan)) EXPECT_EQ(tap.find("rope"), std::string::npos) << tap;
}

TEST(Model, RefusesVariantsOfAFamily) {
  const auto refuses = [](const char* architecture, const std::string& key, KeyValue value) {
    TinyModel tiny;
    tiny.become(architecture);
    tiny.keys[architecture + ("." + key)] = std::move(value);
    const std::string error = error_of(tiny, ErrorKind::unsupported);
    EXPECT_NE(error.find(architecture + ("." + key)), std::string::npos) << error;
  };
  refuses("glm4", "rope.dimension_sections", std::vector<std::int32_t>{2, 2, 0, 0});
  refuses("phi3", "rope.scaling.type", std::string("longrope"));
}

TEST(Model, RefusesCommandRPlus) {
  TinyModel tiny;
  tiny.become("command-r");
  EXPECT_EQ(error_of(tiny), "");
  tiny.add("blk.0.attn_q_norm.weight", {6, 4}, 1);
  EXPECT_NE(error_of(tiny, ErrorKind::unsupported).find("blk.0.attn_q_norm.weight: Command R+"), std::string::npos);
}

TEST(Model, ParallelPartsReadTheSame) {
  TinyModel tiny;
  tiny.become("cohere2");
  const LoadedModel loaded(tiny);
  EXPECT_TRUE(loaded->warnings.empty());
  for (const char* tap : {"blk.2.q", "blk.2.ffn_gate", "blk.2.ffn_up"}) {
    const ValueId read = step_of(loaded->plan, tap).inputs[0];
    EXPECT_EQ(loaded->plan.values[static_cast<std::size_t>(read)].tap, "blk.2.attn_norm") << tap;
  }
  const auto names = taps(loaded->plan);
  for (int block = 0; block < 4; ++block) {
    const std::string blk = "blk." + std::to_string(block);
    const auto& attention = std::get<Attention>(step_of(loaded->plan, blk + ".attn").operation);
    EXPECT_EQ(attention.window, block == 3 ? 0U : 3U);
    EXPECT_EQ(std::count(names.begin(), names.end(), blk + ".q_rope"), block == 3 ? 0 : 1);
  }
}

TEST(Model, RefusesFactorsThatAreNone) {
  const std::pair<const char*, const char*> keys[] = {{"granite", "logit_scale"},
                                                      {"granite", "residual_scale"},
                                                      {"granite", "embedding_scale"},
                                                      {"mistral3", "attention.temperature_scale"},
                                                      {"gemma3", "rope.freq_base_swa"}};
  for (const auto& [architecture, key] : keys) {
    for (const float value : {-1.0F, std::numeric_limits<float>::infinity()}) {
      TinyModel tiny;
      tiny.become(architecture);
      tiny.keys[std::string(architecture) + "." + key] = value;
      EXPECT_NE(error_of(tiny).find("must be a finite number"), std::string::npos) << key;
    }
  }
}

TEST(Attention, AWindowCountsTheTokenItself) {
  Attention attention{};
  EXPECT_EQ(attention.first_seen(9), 0U);
  attention.window = 3;
  EXPECT_EQ(attention.first_seen(0), 0U);
  EXPECT_EQ(attention.first_seen(2), 0U);
  EXPECT_EQ(attention.first_seen(3), 1U);
  attention.window = 1;
  EXPECT_EQ(attention.first_seen(3), 3U);
}

TEST(Model, RefusesVocabularyOnlyFiles) {
  TinyModel tiny;
  tiny.tensors.clear();
  EXPECT_EQ(error_of(tiny), "tiny.gguf: holds no tensors, only metadata");
}

TEST(Model, RefusesFrequencyFactorsThatAreNone) {
  for (const float factor : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    TinyModel tiny;
    tiny.add("rope_freqs.weight", {3}, 1);
    tiny.tensors["rope_freqs.weight"].values = {1, factor, 1};
    EXPECT_NE(error_of(tiny).find("value 1 of the tensor of rotary factors is"), std::string::npos);
  }
  TinyModel tiny;
  tiny.add("rope_freqs.weight", {4}, 1);
  EXPECT_NE(error_of(tiny).find("rope_freqs.weight has shape [4]"), std::string::npos);
}

TEST(WeightHealth, NamesTensorAndBlock) {
  TinyModel tiny;
  EXPECT_EQ(find_non_finite_weight(LoadedModel(tiny)->plan), std::nullopt);
  tiny.tensors["blk.1.ffn_up.weight"].values[24 * 7 + 5] = std::numeric_limits<float>::infinity();
  tiny.tensors["blk.1.ffn_up.weight"].values[24 * 9] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(find_non_finite_weight(LoadedModel(tiny)->plan),
            "blk.1.ffn_up.weight (F32): block 173 (row 7), at byte 692 of the tensor, decodes to NaN or infinity");
}

}  // namespace
}  // namespace assay::model

// Metadata that no model can have: each case gives an error that names the file, the key and the value.
#include "model/hyper_parameters.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/tiny_model.h"

namespace assay::model {
namespace {

using test::KeyValue;
using test::TinyModel;

HyperParameters read(const TinyModel& tiny) {
  const std::vector<std::byte> bytes = tiny.bytes();
  return read_hyper_parameters(gguf::File::parse("tiny.gguf", bytes));
}

/// The error's message, or "" when there was none. `kind` is what it must be.
std::string error_of(const TinyModel& tiny, ErrorKind kind = ErrorKind::input) {
  try {
    read(tiny);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

std::string error_with(const std::string& key, KeyValue value, ErrorKind kind = ErrorKind::input) {
  TinyModel tiny;
  tiny.keys[key] = std::move(value);
  return error_of(tiny, kind);
}

constexpr std::uint32_t kHuge = std::numeric_limits<std::uint32_t>::max();

TEST(HyperParameters, ReadsWhatIsThereAndFillsInTheRest) {
  const HyperParameters hp = read(TinyModel{});
  EXPECT_EQ(hp.architecture, "llama");
  EXPECT_EQ(hp.block_count, 2U);
  EXPECT_EQ(hp.head_count, 4U);
  EXPECT_EQ(hp.head_count_kv, 2U);
  EXPECT_EQ(hp.key_length, 6U);
  EXPECT_EQ(hp.vocab_size, 50U);
  EXPECT_EQ(hp.rope_dimension_count, 6U);
  EXPECT_EQ(hp.rope_freq_base, 10000.0);
  EXPECT_EQ(hp.rope_scaling_type, "linear");
  EXPECT_EQ(hp.rope_scaling_factor, 1.0);
  EXPECT_EQ(hp.rope_scaling_yarn_beta_fast, 32.0);
  EXPECT_EQ(hp.rope_scaling_yarn_beta_slow, 1.0);
  EXPECT_EQ(hp.rope_scaling_original_context_length, 64U);
  EXPECT_TRUE(hp.ignored_keys.empty());
}

TEST(HyperParameters, ReadsTheOldNameOfTheLinearFactor) {
  TinyModel tiny;
  tiny.keys["llama.rope.scale_linear"] = 4.0F;
  EXPECT_EQ(read(tiny).rope_scaling_factor, 4.0);
  tiny.keys["llama.rope.scaling.factor"] = 2.0F;
  EXPECT_EQ(read(tiny).rope_scaling_factor, 2.0);
}

TEST(HyperParameters, KeyLengthFreesTheHeadsFromTheEmbedding) {
  TinyModel tiny;
  tiny.keys["llama.attention.head_count"] = 10U;
  EXPECT_NE(error_of(tiny), "");
  tiny.keys["llama.attention.key_length"] = 8U;
  tiny.keys["llama.attention.value_length"] = 8U;
  EXPECT_EQ(read(tiny).key_length, 8U);
}

TEST(HyperParameters, NamesKeysItDoesNotKnow) {
  TinyModel tiny;
  tiny.keys["llama.attention.sliding_window"] = 32U;
  EXPECT_EQ(read(tiny).ignored_keys, std::vector<std::string>{"llama.attention.sliding_window"});
}

TEST(HyperParameters, ReadsWhatTheArchitectureHasOfItsOwn) {
  TinyModel tiny;
  tiny.become("gemma2");
  const std::vector<std::byte> bytes = tiny.bytes();
  const gguf::File file = gguf::File::parse("tiny.gguf", bytes);
  constexpr OwnKey kTwo[] = {{"attention.sliding_window", OwnKey::Kind::count},
                             {"final_logit_softcapping", OwnKey::Kind::positive}};
  const HyperParameters hp = read_hyper_parameters(file, {kTwo});
  EXPECT_EQ(hp.find("attention.sliding_window"), 3.0);
  EXPECT_EQ(hp.find("final_logit_softcapping"), 3.0);
  EXPECT_EQ(hp.find("attn_logit_softcapping"), std::nullopt);
  EXPECT_EQ(hp.ignored_keys, std::vector<std::string>{"gemma2.attn_logit_softcapping"});
}

TEST(HyperParameters, RefusesWindowsAndCapsThatAreNone) {
  const auto error = [](const std::string& key, KeyValue value) -> std::string {
    TinyModel tiny;
    tiny.become("gemma2");
    tiny.keys[key] = std::move(value);
    try {
      const test::LoadedModel loaded(tiny);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(error("gemma2.attention.sliding_window", 0U).find("is 0, but must be between 1"), std::string::npos);
  EXPECT_NE(error("gemma2.attn_logit_softcapping", 0.0F).find("must be a finite number above 0"), std::string::npos);
  EXPECT_NE(error("gemma2.final_logit_softcapping", -1.0F).find("must be a finite number above"), std::string::npos);
}

TEST(HyperParameters, RefusesMissingKeys) {
  for (const char* key :
       {"llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon", "general.architecture"}) {
    TinyModel tiny;
    tiny.keys.erase(key);
    EXPECT_EQ(error_of(tiny), std::string("tiny.gguf: ") + key + " is missing");
  }
}

TEST(HyperParameters, RefusesZeroAndHugeSizes) {
  for (const char* key : {"llama.block_count", "llama.context_length", "llama.embedding_length",
                          "llama.feed_forward_length", "llama.attention.head_count", "llama.attention.head_count_kv",
                          "llama.attention.key_length", "llama.rope.dimension_count", "llama.vocab_size"}) {
    for (const std::uint32_t value : {0U, kHuge}) {
      const std::string message = error_with(key, value);
      EXPECT_NE(message.find(std::string("tiny.gguf: ") + key + " is " + std::to_string(value)), std::string::npos)
          << key << " " << value << ": " << message;
    }
  }
}

TEST(HyperParameters, RefusesMoreBlocksThanTensors) {
  EXPECT_EQ(error_with("llama.block_count", 1000U),
            "tiny.gguf: llama.block_count is 1000, but the file has 21 tensors");
}

TEST(HyperParameters, RefusesHeadsThatDoNotDivide) {
  EXPECT_EQ(error_with("llama.attention.head_count", 5U),
            "tiny.gguf: llama.attention.head_count_kv is 2, which does not divide head_count 5");
  EXPECT_EQ(error_with("llama.attention.head_count", 10U),
            "tiny.gguf: llama.attention.head_count is 10, which does not divide embedding_length 24");
  EXPECT_EQ(error_with("llama.attention.head_count_kv", 8U),
            "tiny.gguf: llama.attention.head_count_kv is 8, which does not divide head_count 4");
}

TEST(HyperParameters, RefusesOddAndWideRotations) {
  EXPECT_EQ(error_with("llama.rope.dimension_count", 5U),
            "tiny.gguf: llama.rope.dimension_count is 5, but must be even and at most the head width 6");
  EXPECT_NE(error_with("llama.rope.dimension_count", 8U), "");
}

TEST(HyperParameters, RefusesNumbersThatAreNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const char* key : {"llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base", "llama.rope.scaling.factor",
                          "llama.rope.scaling.attn_factor", "llama.rope.scaling.yarn_beta_fast"}) {
    for (const float value : {nan, infinity, -infinity, -1.0F}) {
      EXPECT_NE(error_with(key, value).find(key), std::string::npos) << key << " " << value;
    }
  }
  EXPECT_EQ(error_with("llama.attention.layer_norm_rms_epsilon", nan),
            "tiny.gguf: llama.attention.layer_norm_rms_epsilon is nan, but must be a finite number of at least 0");
  EXPECT_NE(error_with("llama.rope.scaling.factor", 0.0F), "");
  EXPECT_NE(error_with("llama.rope.freq_base", 1.0F), "");
}

TEST(HyperParameters, PerLayerArraysMustBeWholeAndEqual) {
  using Ints = std::vector<std::int32_t>;
  TinyModel tiny;
  tiny.keys["llama.attention.head_count_kv"] = Ints{2, 2};
  tiny.keys["llama.feed_forward_length"] = Ints{40, 40};
  EXPECT_EQ(read(tiny).head_count_kv, 2U);
  EXPECT_EQ(read(tiny).feed_forward_length, 40U);

  EXPECT_EQ(error_with("llama.attention.head_count_kv", Ints{2}),
            "tiny.gguf: llama.attention.head_count_kv has 1 values, but the model has 2 blocks");
  EXPECT_NE(error_with("llama.attention.head_count", Ints{}), "");
  EXPECT_NE(error_with("llama.attention.head_count", Ints{-4, -4}), "");
  EXPECT_NE(error_with("llama.block_count", Ints{2, 2}), "");
  EXPECT_NE(error_with("llama.attention.head_count_kv", Ints{2, 4}, ErrorKind::unsupported).find("block 1: 4"),
            std::string::npos);
}

TEST(HyperParameters, RefusesKeysOfAnotherKind) {
  for (const char* key :
       {"llama.block_count", "llama.attention.head_count", "llama.rope.freq_base", "llama.expert_count"}) {
    EXPECT_NE(error_with(key, std::string("two")).find(key), std::string::npos) << key;
  }
  EXPECT_NE(error_with("general.architecture", 7U), "");
  EXPECT_NE(error_with("llama.rope.scaling.type", 7U), "");
}

TEST(HyperParameters, NoMoreExpertsAreUsedThanThereAre) {
  TinyModel tiny;
  tiny.keys["llama.expert_count"] = 0U;
  tiny.keys["llama.expert_used_count"] = 0U;
  EXPECT_EQ(read(tiny).expert_count, 0U);
  tiny.keys["llama.expert_count"] = 4U;
  EXPECT_THROW(read(tiny), Error);
  tiny.keys["llama.expert_used_count"] = 5U;
  EXPECT_THROW(read(tiny), Error);
  tiny.keys["llama.expert_used_count"] = 4U;
  EXPECT_EQ(read(tiny).expert_used_count, 4U);
  EXPECT_NE(error_with("llama.expert_count", 70000U), "");
}

TEST(HyperParameters, RefusesWhatOtherLayersWouldNeed) {
  EXPECT_NE(error_with("llama.attention.value_length", 12U, ErrorKind::unsupported), "");
  EXPECT_EQ(error_with("llama.rope.scaling.type", std::string("longrope"), ErrorKind::unsupported),
            "tiny.gguf: llama.rope.scaling.type is 'longrope'; known are none, linear and yarn");
}

}  // namespace
}  // namespace assay::model

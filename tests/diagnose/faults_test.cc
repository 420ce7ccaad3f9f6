// Every fault proposes something somewhere, and only what changes the step it is proposed for.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/normalize.h"
#include "diagnose/faults/rotate.h"
#include "tests/diagnose/sites.h"

namespace assay {
namespace {

using diagnose::Hypothesis;
using diagnose::Site;
using test::Sites;
using test::TinyModel;

/// Faults that need no particular type of weights.
const std::set<std::string_view> kNames = {
    "activation_function",
    "attention_heads_tiled",
    "attention_mask_absent",
    "attention_mask_off_by_one",
    "attention_not_normalised",
    "attention_output_layout",
    "attention_scale",
    "attention_shared_wrong",
    "attention_sinks",
    "attention_soft_cap",
    "attention_softmax_axis",
    "attention_stale_cache",
    "attention_v_is_k",
    "attention_window",
    "bias",
    "decode_position",
    "embedding_scale",
    "expert_choice",
    "expert_layout",
    "expert_sum",
    "experts_used",
    "gate_product_missing",
    "gate_up_swapped",
    "logits_soft_cap",
    "norm_epsilon",
    "norm_layer",
    "norm_missing",
    "norm_sum",
    "norm_weight_ignored",
    "norm_weight_offset",
    "norm_wrong_input",
    "norm_wrong_weight",
    "position_offset",
    "qk_norm",
    "qk_permutation",
    "residual_missing",
    "residual_twice",
    "residual_wrong_input",
    "rope_base",
    "rope_dimensions",
    "rope_everywhere",
    "rope_inverse",
    "rope_magnitude",
    "rope_missing",
    "rope_pairing",
    "rope_scaling_ignored",
    "rope_twice",
    "router_choice",
    "router_function",
    "router_weights",
    "shared_expert_gate",
    "rope_wrong_layers",
    "scale_of_model",
};

std::string text(std::string_view fault, const Site& site, const Hypothesis& hypothesis) {
  std::string all = std::string(fault) + " at " + std::string(site.tap());
  for (const diagnose::Parameter& parameter : hypothesis.parameters)
    all += " " + parameter.name + "=" + parameter.value;
  return all;
}

std::vector<TinyModel> models() {
  std::vector<TinyModel> all(1);
  TinyModel& yarn = all.emplace_back();
  yarn.keys["llama.rope.scaling.type"] = std::string("yarn");
  yarn.keys["llama.rope.scaling.factor"] = 4.0F;
  yarn.keys["llama.rope.scaling.original_context_length"] = 16U;
  TinyModel& factors = all.emplace_back();
  factors.tensors["rope_freqs.weight"] = {{3}, {1, 2, 8}};
  all.emplace_back().keys["llama.rope.dimension_count"] = 4U;
  for (const char* architecture :
       {"qwen2", "qwen3", "gemma2", "gemma3", "granite", "smollm3", "qwen2moe", "qwen3moe", "gpt-oss", "deepseek2"})
    all.emplace_back().become(architecture);
  return all;
}

std::vector<Hypothesis> proposed(std::string_view fault, const Site& site) {
  std::vector<Hypothesis> hypotheses;
  diagnose::find_fault(fault)->propose(site, hypotheses);
  return hypotheses;
}

/// What each hypothesis does to its step. Returns the faults that were proposed.
std::set<std::string_view> try_all(const Sites& sites) {
  std::set<std::string_view> seen;
  for (std::size_t step = 0; step < sites.size(); ++step) {
    const Site site = sites.at(step);
    const diagnose::Matrix& right = sites.value(site.step().output);
    for (const std::string_view name : kNames) {
      for (const Hypothesis& hypothesis : proposed(name, site)) {
        seen.insert(name);
        const diagnose::Matrix wrong = hypothesis.run(site);
        EXPECT_EQ(wrong.values.size(), right.values.size()) << text(name, site, hypothesis);
        EXPECT_GT(test::distance(wrong, right), 1e-6) << text(name, site, hypothesis);
        EXPECT_EQ(wrong.values, hypothesis.run(site).values) << text(name, site, hypothesis);
      }
    }
  }
  return seen;
}

TEST(Faults, EachIsProposedAndChangesItsStep) {
  std::set<std::string_view> unseen = kNames;
  for (const TinyModel& tiny : models()) {
    for (const std::string_view name : try_all(Sites(tiny))) unseen.erase(name);
  }
  EXPECT_EQ(unseen, std::set<std::string_view>{});
}

TEST(Faults, AreNotProposedWhereTheyChangeNothing) {
  for (const TinyModel& tiny : models()) {
    // Nothing was decoded.
    const auto of_prompt = try_all(Sites(tiny, 5, 0));
    EXPECT_EQ(of_prompt.count("decode_position") + of_prompt.count("attention_stale_cache"), 0U);
    // Position 0 is not rotated, and sees only itself.
    const auto of_one = try_all(Sites(tiny, 1, 0));
    for (const char* name : {"rope_base", "rope_pairing", "rope_inverse", "attention_scale", "attention_mask_absent"}) {
      EXPECT_EQ(of_one.count(name), 0U) << name;
    }
  }
}

/// What faults change a part of, with nothing changed; empty for other steps.
diagnose::Matrix rebuilt(const Site& site) {
  if (site.operation<model::Attention>() != nullptr) return diagnose::attend(site, diagnose::Look(site));
  if (site.operation<model::RmsNorm>() != nullptr) return diagnose::Norming(site)(site.input(0));
  const auto* rope = site.operation<model::Rope>();
  if (rope == nullptr) return {};
  return diagnose::rotate(site, *rope, [](const diagnose::Passage& passage, std::size_t row) {
    return static_cast<double>(passage.positions[row]);
  });
}

TEST(Faults, ChangeOneThingOfAStepThatIsRightOtherwise) {
  for (const TinyModel& tiny : models()) {
    const Sites sites(tiny);
    std::size_t count = 0;
    for (std::size_t step = 0; step < sites.size(); ++step) {
      const diagnose::Matrix made = rebuilt(sites.at(step));
      if (made.empty()) continue;
      EXPECT_LT(test::distance(made, sites.at(step).exact()), 1e-13) << sites.at(step).tap();
      ++count;
    }
    EXPECT_GE(count, 11U);  // in each of two blocks: two norms, Q and K rotated, attention; and the last norm
  }
}

/// What a float32 engine would have dumped.
diagnose::Matrix dumped(diagnose::Matrix values) {
  for (double& value : values.values) value = static_cast<double>(static_cast<float>(value));
  return values;
}

/// The one hypothesis that the fault makes of what was given, as text; it must reproduce it.
std::string solved(std::string_view fault, const Site& site) {
  const std::vector<Hypothesis> hypotheses = proposed(fault, site);
  if (hypotheses.size() != 1) return std::to_string(hypotheses.size()) + " hypotheses";
  EXPECT_LT(test::distance(hypotheses[0].run(site), *site.given), 1e-6) << text(fault, site, hypotheses[0]);
  return hypotheses[0].parameters[0].value;
}

TEST(Faults, ReadARotaryBaseOffTheAngles) {
  const Sites sites(TinyModel(), 50, 8);
  for (const char* tap : {"blk.0.q_rope", "blk.1.k_rope"}) {
    for (const auto& [base, said] : {std::pair(20000.0, "20000"), std::pair(500000.0, "500000"),
                                     std::pair(12345.678, "12346"), std::pair(1e7, "10000000")}) {
      model::Step changed = sites.at(tap).step();
      auto& frequencies = std::get<model::Rope>(changed.operation).frequencies;
      for (std::size_t i = 0; i < frequencies.size(); ++i) {
        frequencies[i] = std::pow(base, -2 * static_cast<double>(i) / 6);
      }
      const diagnose::Matrix given = dumped(sites.at(tap).run(changed));
      EXPECT_EQ(solved("rope_base", sites.at(tap, &given)), said);
    }
    const diagnose::Matrix right = dumped(sites.at(tap).exact());
    EXPECT_TRUE(proposed("rope_base", sites.at(tap, &right)).empty());
    EXPECT_TRUE(proposed("position_offset", sites.at(tap, &right)).empty());
  }
}

TEST(Faults, ReadARotaryBaseBehindFactors) {
  TinyModel tiny;
  const std::vector<float> factors = {1, 2, 8};
  tiny.tensors["rope_freqs.weight"] = {{3}, factors};
  const Sites sites(tiny, 50, 8);
  model::Step changed = sites.at("blk.0.q_rope").step();
  auto& frequencies = std::get<model::Rope>(changed.operation).frequencies;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(500000.0, -2 * static_cast<double>(i) / 6) / static_cast<double>(factors[i]);
  }
  const diagnose::Matrix given = dumped(sites.at("blk.0.q_rope").run(changed));
  EXPECT_EQ(solved("rope_base", sites.at("blk.0.q_rope", &given)), "500000");
}

TEST(Faults, ReadAnOffsetOfPositionsOffTheAngles) {
  const Sites sites{TinyModel()};
  diagnose::Passage passage = sites.passage();
  for (std::size_t& position : passage.positions) position += 17;
  const Site site = sites.at("blk.1.q_rope");
  const diagnose::Matrix given = dumped(Site{site.model, site.stepper, passage, sites, site.index, nullptr}.exact());
  EXPECT_EQ(solved("position_offset", sites.at("blk.1.q_rope", &given)), "+17");
}

TEST(Faults, SolveForEpsilon) {
  const Sites sites{TinyModel()};
  const Site site = sites.at("blk.0.attn_norm");
  for (const auto& [epsilon, said] : {std::pair(1e-3, "1e-3"), std::pair(3.3e-2, "0.033"), std::pair(1e-6, "1e-6")}) {
    model::Step changed = site.step();
    std::get<model::RmsNorm>(changed.operation).epsilon = epsilon;
    const diagnose::Matrix given = dumped(site.run(changed));
    EXPECT_EQ(solved("norm_epsilon", sites.at(site.tap(), &given)), said);
  }
  // Beside the root, as the definition has it.
  const diagnose::Matrix weight = site.stepper.decode(site.operation<model::RmsNorm>()->weight);
  diagnose::Matrix given = site.input(0);
  for (std::size_t i = 0; i < given.rows; ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < given.width; ++c) sum += given.row(i)[c] * given.row(i)[c];
    const double root = std::sqrt(sum / static_cast<double>(given.width)) + 1e-3;
    for (std::size_t c = 0; c < given.width; ++c) given.row(i)[c] *= weight.values[c] / root;
  }
  given = dumped(given);
  EXPECT_EQ(solved("norm_epsilon", sites.at(site.tap(), &given)), "1e-3");
  EXPECT_EQ(proposed("norm_epsilon", sites.at(site.tap(), &given))[0].parameters[1].value, "outside");

  const diagnose::Matrix right = dumped(site.exact());
  EXPECT_TRUE(proposed("norm_epsilon", sites.at(site.tap(), &right)).empty());
}

TEST(Faults, SolveForTheScaleOfAttention) {
  const Sites sites{TinyModel()};
  for (const auto& [scale, said] :
       {std::pair(1.0, "1"), std::pair(0.3721, "0.3721"), std::pair(1 / std::sqrt(24.0), "1/sqrt(n_embd)")}) {
    model::Step changed = sites.at("blk.1.attn").step();
    std::get<model::Attention>(changed.operation).scale = scale;
    const diagnose::Matrix given = dumped(sites.at("blk.1.attn").run(changed));
    EXPECT_EQ(solved("attention_scale", sites.at("blk.1.attn", &given)), said);
  }
  const diagnose::Matrix right = dumped(sites.at("blk.1.attn").exact());
  EXPECT_TRUE(proposed("attention_scale", sites.at("blk.1.attn", &right)).empty());
}

TEST(Faults, NameAFactor) {
  const Sites sites{TinyModel()};
  const diagnose::Matrix right = sites.at("blk.1.ffn_out").exact();
  for (const auto& [factor, said] :
       {std::pair(2.0, "2"), std::pair(-0.73, "-0.73"), std::pair(std::sqrt(24.0), "sqrt(n_embd)")}) {
    diagnose::Matrix given = right;
    for (double& value : given.values) value *= factor;
    given = dumped(given);
    EXPECT_EQ(solved("scale", sites.at("blk.1.ffn_out", &given)), said);
  }
  const diagnose::Matrix rounded = dumped(right);
  EXPECT_TRUE(proposed("scale", sites.at("blk.1.ffn_out", &rounded)).empty());
}

TEST(Faults, HaveTextsForPeople) {
  std::set<std::string_view> names;
  for (const diagnose::Fault* fault : diagnose::all_faults()) {
    EXPECT_TRUE(names.insert(fault->name).second) << fault->name;
    EXPECT_NE(fault->claim.substr(fault->claim.size() - 1), ".") << fault->name << ": the claim is put into sentences";
    EXPECT_EQ(fault->remedy.substr(fault->remedy.size() - 1), ".") << fault->name;
  }
}

}  // namespace
}  // namespace assay

// Every fault proposes something somewhere, and only what changes the step it is proposed for.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/diagnose/sites.h"

namespace assay {
namespace {

using diagnose::Hypothesis;
using diagnose::Site;
using test::Sites;
using test::TinyModel;

/// Faults that need no particular type of weights.
const std::set<std::string_view> kNames = {
    "rope_pairing",        "rope_missing",         "rope_twice",       "rope_inverse",   "decode_position",
    "gate_up_swapped",     "gate_product_missing", "norm_missing",     "norm_layer",     "norm_sum",
    "norm_weight_ignored", "norm_weight_offset",   "residual_missing", "residual_twice",
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
  for (const std::string& name : {std::string("blk.0.attn_q.bias"), std::string("blk.1.attn_q.bias")}) {
    yarn.add(name, {24}, 0.5F);
  }
  return all;
}

TEST(Faults, EachIsProposedAndChangesItsStep) {
  std::set<std::string_view> unseen = kNames;
  for (const TinyModel& tiny : models()) {
    const Sites sites(tiny);
    for (std::size_t step = 0; step < sites.size(); ++step) {
      const Site site = sites.at(step);
      const diagnose::Matrix& right = sites.value(site.step().output);
      for (const std::string_view name : kNames) {
        const diagnose::Fault* fault = diagnose::find_fault(name);
        ASSERT_NE(fault, nullptr) << name;
        std::vector<Hypothesis> hypotheses;
        fault->propose(site, hypotheses);
        if (!hypotheses.empty()) unseen.erase(name);
        for (const Hypothesis& hypothesis : hypotheses) {
          const diagnose::Matrix wrong = hypothesis.run(site);
          ASSERT_EQ(wrong.rows, right.rows) << text(name, site, hypothesis);
          ASSERT_EQ(wrong.width, right.width) << text(name, site, hypothesis);
          EXPECT_GT(test::distance(wrong, right), 1e-6) << text(name, site, hypothesis);
          EXPECT_EQ(wrong.values, hypothesis.run(site).values) << text(name, site, hypothesis);
        }
      }
    }
  }
  EXPECT_EQ(unseen, std::set<std::string_view>{});
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

#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"

namespace assay::diagnose {
namespace {

struct Rule {
  const char* name;
  double (*position)(double right, double prompt_tokens);
};

constexpr Rule kRules[] = {
    {"zero", [](double, double) { return 0.0; }},
    {"restart", [](double right, double prompt_tokens) { return right - prompt_tokens; }},
    {"frozen", [](double, double prompt_tokens) { return prompt_tokens; }},
    {"+1", [](double right, double) { return right + 1; }},
    {"-1", [](double right, double) { return right - 1; }},
};

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.passage.prompt_tokens == 0) return;
  for (const Rule& rule : kRules) {
    const auto position = [change = rule.position](const Passage& passage, std::size_t row) {
      const auto right = static_cast<double>(passage.positions[row]);
      return is_decoded(passage, row) ? change(right, static_cast<double>(passage.prompt_tokens)) : right;
    };
    propose_positions(site, {{"rule", rule.name}}, position, hypotheses);
  }
}

}  // namespace

const Fault kDecodePosition = {
    "decode_position",
    "gives tokens that are decoded one by one wrong positions, while those of the prompt are right",
    "Give a decoded token the number of tokens before it, prompt included, as its position.",
    "jundot/omlx#2363 Blaizzy/mlx-vlm#1983 skyzh/tiny-llm#46 fla-org/flash-linear-attention#766 "
    "microsoft/onnxruntime-genai#2354 rajveer43/VeloxQuant-MLX#389",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

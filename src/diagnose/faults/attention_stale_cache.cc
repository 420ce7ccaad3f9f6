#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

struct Rule {
  const char* name;
  /// Whether a decoded row sees a key before it.
  bool (*sees)(std::size_t key, std::size_t prompt_tokens);
  bool sees_itself;
};

constexpr Rule kRules[] = {
    {"prompt_only", [](std::size_t key, std::size_t prompt) { return key < prompt; }, true},
    {"not_newest", [](std::size_t, std::size_t) { return true; }, false},
    // All of them into the slot of the prompt's last token.
    {"overwritten", [](std::size_t key, std::size_t prompt) { return key + 1 < prompt; }, true},
};

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (!has_decoded(site.passage)) return;
  for (const Rule& rule : kRules) {
    const auto sees = [rule](const Passage& passage, std::size_t row, std::size_t key,
                             const model::Attention& attention) {
      if (!sees_rightly(attention, row, key) || row < passage.prompt_tokens) return sees_rightly(attention, row, key);
      return key == row ? rule.sees_itself : rule.sees(key, passage.prompt_tokens);
    };
    propose_seen(site, {{"rule", rule.name}}, sees, hypotheses);
  }
}

}  // namespace

const Fault kAttentionStaleCache = {
    "attention_stale_cache",
    "reads a cache that does not hold what it should when tokens are decoded one by one: keys of decoded "
    "tokens are lost, late or overwritten",
    "Write each decoded key and value behind the last one before attention reads the cache, and count it in.",
    "LostRuins/koboldcpp#2158 ggml-org/llama.cpp#12253 ggml-org/llama.cpp#4097 EricLBuehler/mistral.rs#765 "
    "EricLBuehler/candle-vllm#40",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

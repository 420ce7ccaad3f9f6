#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

bool sees(const Passage& passage, std::size_t row, std::size_t key) {
  return row < passage.prompt_tokens ? key < passage.prompt_tokens : key <= row;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr) return;
  propose_seen(
      site, {},
      [](const Passage& passage, std::size_t row, std::size_t key, const model::Attention& /*attention*/) {
        return sees(passage, row, key);
      },
      hypotheses);
  if (attention->window == 0) return;
  propose_seen(
      site, {{"window", "kept"}},
      [](const Passage& passage, std::size_t row, std::size_t key, const model::Attention& here) {
        return sees(passage, row, key) && key >= here.first_seen(row);
      },
      hypotheses);
}

}  // namespace

const Fault kAttentionMaskAbsent = {
    "attention_mask_absent",
    "has no causal mask: every token of the prompt sees the whole prompt, also what comes after it",
    "Set the scores of later positions to -infinity before the softmax.",
    "JunSuzukiJapan/rustorch Luce-Org/lucebox#346",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

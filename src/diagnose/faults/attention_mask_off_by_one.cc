#include <algorithm>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

bool sees_next(const Passage& passage, std::size_t row, std::size_t key, const model::Attention& attention) {
  const std::size_t last = row < passage.prompt_tokens ? std::min(row + 1, passage.prompt_tokens - 1) : row;
  return key <= last && key >= attention.first_seen(row);
}

bool sees_not_itself(const Passage& /*passage*/, std::size_t row, std::size_t key, const model::Attention& attention) {
  return row == 0 ? key == 0 : key < row && key >= attention.first_seen(row);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  propose_seen(site, {{"sees", "+1"}}, sees_next, hypotheses);
  propose_seen(site, {{"sees", "-1"}}, sees_not_itself, hypotheses);
}

}  // namespace

const Fault kAttentionMaskOffByOne = {
    "attention_mask_off_by_one",
    "has a causal mask that is off by one: a token sees the next one too, or not itself",
    "Let the token at position p see the positions 0 to p, itself included.",
    "Luce-Org/lucebox#346 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

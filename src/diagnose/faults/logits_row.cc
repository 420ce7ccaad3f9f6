#include "diagnose/faults/faults.h"
#include "diagnose/faults/rows.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.step().output != site.plan().logits || site.passage.tokens.size() < 2) return;
  if (!has_every_token(site.passage)) return;
  for (const int offset : {-1, 1}) {
    hypotheses.push_back(
        {{{"offset", offset < 0 ? "-1" : "+1"}}, [offset](const Site& here) { return shift_rows(here, offset); }});
  }
}

}  // namespace

const Fault kLogitsRow = {
    "logits_row",
    "gives the logits of a neighbouring token",
    "Row i of the logits is what follows token i; the next token is chosen from the row of the last one.",
    "utensils/mold#1690 vllm-project/tpu-inference#125 AI-Hypercomputer/maxtext#2103 abetlen/llama-cpp-python#1983",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

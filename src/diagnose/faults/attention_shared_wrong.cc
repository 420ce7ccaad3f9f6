#include <string_view>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->kv_heads == 1) return;
  for (const std::string_view of : {"keys", "values", "both"}) {
    // One key alone has all the weight, whatever it is.
    if (of != "values" && site.passage.tokens.size() < 2) continue;
    hypotheses.push_back({{{"of", std::string(of)}}, [of](const Site& here) {
                            const auto first = [](std::size_t) { return std::size_t{0}; };
                            Look look(here);
                            if (of != "values") look.key_head = first;
                            if (of != "keys") look.value_head = first;
                            return attend(here, look);
                          }});
  }
}

}  // namespace

const Fault kAttentionSharedWrong = {
    "attention_shared_wrong",
    "lets every query head read the first key/value head",
    "Advance the pointer to keys and to values by head; only multi-query models have one head for all.",
    "NeuraLegion/shainet#204 JunSuzukiJapan/rustorch",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

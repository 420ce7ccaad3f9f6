#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || attention->kv_heads == 1 || attention->kv_heads == attention->heads) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          Look look(here);
                          look.key_head = [count = look.attention.kv_heads](std::size_t head) { return head % count; };
                          look.value_head = look.key_head;
                          return attend(here, look);
                        }});
}

}  // namespace

const Fault kAttentionHeadsTiled = {
    "attention_heads_tiled",
    "gives query head h the key/value head h mod n_head_kv (tiled) where neighbouring query heads share one",
    "Let query head h read key/value head h / (n_head / n_head_kv): repeat each head, do not tile them.",
    "ekzhang/jax-js#180 onnx/onnx#7274 vllm-project/vllm-ascend#2758 NeuraLegion/shainet#204 "
    "EricLBuehler/candle-vllm#52",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

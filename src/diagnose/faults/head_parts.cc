#include <utility>

#include "diagnose/faults/faults.h"

namespace assay::diagnose {
namespace {

/// The step with other channels.
Hypothesis with(const char* rule, model::Concat (*change)(const model::Concat&)) {
  return {{{"rule", rule}}, [change](const Site& here) {
            model::Step changed = here.step();
            changed.operation = change(*here.operation<model::Concat>());
            return here.run(changed);
          }};
}

/// All heads' channels of a part stand side by side, then those of the next.
model::Concat together(const model::Concat& by_head) {
  model::Concat concat = by_head;
  concat.groups = 1;
  for (model::Concat::Part& part : concat.parts) {
    for (std::size_t* channels : {&part.first, &part.count, &part.width}) *channels *= by_head.groups;
  }
  return concat;
}

/// The part stands at the other end of a head.
model::Concat from_behind(const model::Concat& concat) {
  model::Concat changed = concat;
  model::Concat::Part& part = changed.parts[0];
  part.first = part.width - part.count - part.first;
  return changed;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* concat = site.operation<model::Concat>();
  if (concat == nullptr) return;
  bool is_by_head = concat->groups > 1;
  for (std::size_t i = 0; i < concat->parts.size(); ++i) {
    is_by_head = is_by_head && site.input(i).width == concat->groups * concat->parts[i].width;
  }
  if (is_by_head) hypotheses.push_back(with("all_heads_together", together));
  if (concat->parts.size() == 1) {
    hypotheses.push_back(with("other_end", from_behind));
    return;
  }
  hypotheses.push_back({{{"rule", "swapped"}}, [](const Site& here) {
                          model::Step changed = here.step();
                          auto& parts = std::get<model::Concat>(changed.operation).parts;
                          std::swap(parts.front(), parts.back());
                          std::swap(changed.inputs.front(), changed.inputs.back());
                          return here.run(changed);
                        }});
}

}  // namespace

const Fault kHeadParts = {
    "head_parts",
    "takes the rotated and the other channels of latent attention's heads, or keys and values, from the wrong places",
    "Each head has its unrotated channels, then its rotated ones; attn_kv_b gives each head its key, then its value.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

#include "diagnose/faults/faults.h"
#include "diagnose/faults/layer_name.h"
#include "diagnose/faults/rows.h"

namespace assay::diagnose {
namespace {

/// The step's value in the layer before, or -1.
model::ValueId in_layer_before(const Site& site) {
  auto name = parse_layer_name(site.tap());
  if (!name || name->layer == 0) return -1;
  --name->layer;
  const model::ValueId before = site.find(name->text());
  const bool fits = before >= 0 && site.plan().values[static_cast<std::size_t>(before)].width == site.width();
  return fits ? before : -1;
}

Matrix repeat_row_0(const Site& site) {
  if (site.passage.positions[0] != 0) return {};
  Matrix matrix = site.exact();
  for (std::size_t i = 1; i < matrix.rows; ++i) std::copy_n(matrix.row(0), matrix.width, matrix.row(i));
  return matrix;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.passage.tokens.size() > 1 && has_every_token(site.passage)) {
    hypotheses.push_back({{{"row", "before"}}, [](const Site& here) { return shift_rows(here, -1); }});
    if (site.passage.positions[0] == 0) {
      hypotheses.push_back({{{"row", "first"}}, repeat_row_0});
    }
  }
  if (in_layer_before(site) >= 0) {
    hypotheses.push_back({{{"layer", "before"}}, [](const Site& here) {
                            const model::ValueId before = in_layer_before(here);
                            return before >= 0 ? here.values.value(before) : here.exact();
                          }});
  }
}

}  // namespace

const Fault kStaleValue = {"stale_value",
                           "gives an old value: that of the token before, of the first token, or of the layer before",
                           "Look whether this step ran at all, wrote where the next one reads, and was waited for "
                           "before it was read or dumped.",
                           "kekzl/imp#1274 ndif-team/nnsight#630 apple/coreai-models#53 antirez/ds4#384",
                           FaultClass::mistake,
                           propose};

}  // namespace assay::diagnose

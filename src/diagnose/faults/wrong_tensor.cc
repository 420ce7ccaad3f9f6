#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/layer_name.h"
#include "diagnose/faults/misread.h"

namespace assay::diagnose {
namespace {

/// The first row of a matrix that is some rows of a tensor.
std::size_t first_row(const gguf::Tensor& tensor) {
  if (tensor.whole == nullptr) return 0;
  const auto begin = static_cast<std::size_t>(tensor.data.data() - tensor.whole->data.data());
  return begin / tensor.row(0).size();
}

/// The tensor `part` of the layer `offset` layers further, if it is there and has the shape of the step's own.
model::WeightId find_other(const Site& site, const std::string& part, int offset) {
  const gguf::Tensor& own = *matrix_of(site);
  const std::size_t layer = parse_layer_name(own.name)->layer + static_cast<std::size_t>(offset);
  const std::string name = LayerName{layer, part}.text();
  const std::vector<const gguf::Tensor*>& weights = site.plan().weights;
  const auto found = std::find_if(weights.begin(), weights.end(), [&](const gguf::Tensor* other) {
    return other->name == name && other->ne == own.ne && first_row(*other) == first_row(own);
  });
  return found == weights.end() ? model::kNoWeight : static_cast<model::WeightId>(found - weights.begin());
}

void add(const Site& site, const std::string& part, int offset, std::vector<Hypothesis>& hypotheses) {
  const model::WeightId other = find_other(site, part, offset);
  if (other == model::kNoWeight) return;
  hypotheses.push_back({{{"tensor", std::string(site.tensor(other).name)}}, [part, offset](const Site& here) {
                          const model::WeightId weight = find_other(here, part, offset);
                          return weight == model::kNoWeight ? here.exact() : run_with_weight(here, weight);
                        }});
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const gguf::Tensor* matrix = matrix_of(site);
  const auto own = matrix == nullptr ? std::nullopt : parse_layer_name(matrix->name);
  if (!own) return;
  for (const gguf::Tensor* tensor : site.plan().weights) {
    const auto other = parse_layer_name(tensor->name);
    if (other && other->layer == own->layer && other->part != own->part) {
      add(site, std::string(other->part), 0, hypotheses);
    }
  }
  for (const int offset : {-1, 1}) add(site, std::string(own->part), offset, hypotheses);
}

}  // namespace

const Fault kWrongTensor = {"wrong_tensor",
                            "multiplies with another tensor of the same shape: its neighbour in the layer, or that of "
                            "the layer before or after",
                            "Give this step the tensor of its own name and layer.",
                            "tenstorrent/tt-metal#54884",
                            FaultClass::mistake,
                            propose};

}  // namespace assay::diagnose

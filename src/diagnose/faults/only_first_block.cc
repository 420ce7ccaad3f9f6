#include <algorithm>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

void read_first_of_row(const gguf::Tensor& tensor, std::size_t index, double* values) {
  const std::size_t length = tensor.type->block_values;
  kernels::kernels().exact[tensor.type->id].decode(tensor.row(index).data(), length, values);
  std::fill(values + length, values + tensor.row_values(), 0.0);
}

void read_first_of_tensor(const gguf::Tensor& tensor, std::size_t index, double* values) {
  const bool begins_tensor = tensor.whole == nullptr || tensor.whole->data.data() == tensor.data.data();
  if (index == 0 && begins_tensor) return read_first_of_row(tensor, index, values);
  std::fill(values, values + tensor.row_values(), 0.0);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const gguf::Tensor* matrix = matrix_of(site);
  if (matrix == nullptr || !matrix->type->is_quantized() || matrix->row_values() == matrix->type->block_values) return;
  hypotheses.push_back({{{"of", "row"}}, [](const Site& here) { return run_with_rows(here, read_first_of_row); }});
  hypotheses.push_back(
      {{{"of", "tensor"}}, [](const Site& here) { return run_with_rows(here, read_first_of_tensor); }});
}

}  // namespace

const Fault kOnlyFirstBlock = {
    "only_first_block",
    "decodes only the first block, of every row or of the whole weight, and leaves the rest zero",
    "A row has ne[0] / block length blocks: do not return out of the loop over them.",
    "1bit-MONSTER/1bit-MONSTER#488",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

#include "diagnose/faults/experts.h"
#include "diagnose/faults/faults.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

/// [outputs, experts, inputs]: row `index` of [experts, outputs] stands where that order has it.
void read_between(const gguf::Tensor& tensor, std::size_t index, double* values) {
  const std::size_t outputs = static_cast<std::size_t>(tensor.ne[1]);
  const std::size_t experts = static_cast<std::size_t>(tensor.ne[2]);
  const std::byte* row = tensor.row(index % outputs * experts + index / outputs).data();
  kernels::kernels().exact[tensor.type->id].decode(row, static_cast<std::size_t>(tensor.row_values()), values);
}

/// [outputs, inputs, experts]. The type is a float.
void read_fastest(const gguf::Tensor& tensor, std::size_t index, double* values) {
  const std::size_t outputs = static_cast<std::size_t>(tensor.ne[1]);
  const std::size_t experts = static_cast<std::size_t>(tensor.ne[2]);
  const std::size_t inputs = static_cast<std::size_t>(tensor.row_values());
  const auto decode = kernels::kernels().exact[tensor.type->id].decode;
  for (std::size_t i = 0; i < inputs; ++i) {
    const std::size_t at = (index % outputs * inputs + i) * experts + index / outputs;
    decode(tensor.data.data() + at * tensor.type->block_bytes, 1, values + i);
  }
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::ExpertLinear>() == nullptr || matrix_of(site)->ne.size() < 3) return;
  hypotheses.push_back(
      {{{"axis", "between"}}, [](const Site& here) { return run_experts_with_rows(here, read_between); }});
  if (matrix_of(site)->type->is_quantized()) return;
  hypotheses.push_back({{{"axis", "fastest"}}, [](const Site& here) {
                          return matrix_of(here)->type->is_quantized() ? here.exact()
                                                                       : run_experts_with_rows(here, read_fastest);
                        }});
}

}  // namespace

const Fault kExpertLayout = {
    "expert_layout",
    "reads the tensor of experts with its axes in another order: the experts between outputs and inputs, or fastest",
    "ne = {inputs, outputs, experts}: one whole matrix an expert, one behind the other.",
    "",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

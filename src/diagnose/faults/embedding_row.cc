#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

/// Row (index + offset) modulo the number of rows.
void read_neighbour(const gguf::Tensor& table, std::size_t index, int offset, double* values) {
  const auto rows = static_cast<std::size_t>(table.rows());
  const std::size_t row = (index + rows + static_cast<std::size_t>(offset)) % rows;
  kernels::kernels().exact[table.type->id].decode(table.row(row).data(), table.row_values(), values);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Embed>() == nullptr) return;
  for (const int offset : {-1, 1}) {
    hypotheses.push_back({{{"offset", offset < 0 ? "-1" : "+1"}}, [offset](const Site& here) {
                            return run_with_rows(
                                here, [offset](const gguf::Tensor& table, std::size_t index, double* values) {
                                  read_neighbour(table, index, offset, values);
                                });
                          }});
  }
}

}  // namespace

const Fault kEmbeddingRow = {"embedding_row",
                             "looks up the embedding of a neighbouring token id",
                             "Row t of token_embd.weight belongs to token id t, counted from 0.",
                             "",
                             FaultClass::mistake,
                             propose};

}  // namespace assay::diagnose

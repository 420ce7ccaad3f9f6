#include <algorithm>

#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

/// Row index + offset, or the last one on that side.
void read_neighbour(const gguf::Tensor& table, std::size_t index, int offset, double* values) {
  const auto last = static_cast<std::ptrdiff_t>(table.rows()) - 1;
  const auto row = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(index) + offset, 0, last);
  const std::byte* bytes = table.row(static_cast<std::size_t>(row)).data();
  kernels::kernels().exact[table.type->id].decode(bytes, table.row_values(), values);
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

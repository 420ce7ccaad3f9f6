// Makes an importance matrix: the squares of what each matrix of a model's blocks is multiplied with, summed over the
// tokens of a text, as llama.cpp's llama-imatrix collects them. The output matrix and the embedding have no entry, as
// there.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "model/plan.h"
#include "recipe/importance.h"

namespace assay::recipe {

/// Sums while an engine evaluates (compare::ChunkRunner::observe). The input of a matrix is some step's output, so it
/// has a tap.
class ImportanceCollector final : public engine::Observer {
 public:
  /// `plan` must outlive the collector.
  explicit ImportanceCollector(const model::Plan& plan);

  bool wants(const model::Value& value) const override {
    return read_at_.contains(value.tap) || kept_.contains(value.tap);
  }
  void observe(const model::Value& value, const engine::TapRows& rows) override;

  /// An entry a matrix; the dataset and the chunks are the caller's to say. Throws Error{input} that names the first
  /// matrix whose sums are not finite.
  Importance result() const;

 private:
  /// What some matrices are multiplied with. Of experts, each slot of a token counts for the expert that it chose.
  struct Input {
    std::vector<std::string_view> matrices;  ///< that read it
    std::string_view x;                      ///< tap
    std::string_view chosen;  ///< tap of the experts' indices; empty: one matrix for all tokens, or a head
    std::size_t columns = 0;
    std::vector<double> sums;         ///< [matrices of one tensor, columns]
    std::vector<std::size_t> counts;  ///< [matrices of one tensor]: rows summed
  };
  Input& input_of(const model::Plan& plan, const model::Step& step, std::size_t experts, std::size_t columns);
  void add(Input& input, const engine::Rows& seen, std::string_view tap);
  void check_finite() const;

  std::vector<Input> inputs_;  ///< in the plan's order
  /// By the tap at which all is known: the later one of x and chosen.
  std::map<std::string_view, std::vector<std::size_t>, std::less<>> read_at_;
  std::map<std::string_view, std::vector<double>, std::less<>> kept_;  ///< rows of the earlier one, by tap
};

}  // namespace assay::recipe

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

  bool wants(const model::Value& value) const override { return inputs_.contains(value.tap); }
  void observe(const model::Value& value, const engine::TapRows& rows) override;

  /// An entry a matrix; the dataset and the chunks are the caller's to say. Throws Error{input} that names the first
  /// matrix whose sums are not finite.
  Importance result() const;

 private:
  struct Input {
    std::size_t place = 0;                   ///< in the plan's order
    std::vector<std::string_view> matrices;  ///< that read it
    std::vector<double> sums;                ///< a channel
    std::size_t rows = 0;
  };
  void check_finite() const;

  std::map<std::string_view, Input, std::less<>> inputs_;  ///< by tap
};

}  // namespace assay::recipe

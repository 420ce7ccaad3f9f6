// What the parts of `assay compare` share: the options, and the run that each part adds its findings to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/text_options.h"
#include "compare/comparison.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

struct CompareOptions {
  std::vector<std::string> models;  ///< the reference, then the candidates
  EngineArguments engine;           ///< its model and context are not used
  TextOptions text;
  std::optional<double> max_kl;
  std::optional<double> min_top1;
  std::optional<double> max_perplexity_ratio;
  bool positions = false;
  bool json = false;
};

struct ComparedModel {
  model::Model model;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
};

struct CompareRun {
  const CompareOptions& options;
  ComparedModel reference;
  std::vector<ComparedModel> candidates;
  compare::Comparison comparison;  ///< its models are summarized; its candidates are in the order of `candidates`

  engine::EngineOptions engine_options() const;
};

/// All metrics over --text.
void compare_text(CompareRun& run);

/// One sentence for every threshold that a candidate does not keep.
std::vector<std::string> failures(const CompareOptions& options, const compare::Comparison& comparison);

}  // namespace assay::cli

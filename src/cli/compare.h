// What the parts of `assay compare` share: the options, and the run that each part adds its findings to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/text_options.h"
#include "compare/chunks.h"
#include "compare/comparison.h"
#include "compare/plan_pair.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

struct CompareOptions {
  std::vector<std::string> models;  ///< the reference, then the candidates
  EngineArguments engine;           ///< its model and context are not used
  TextOptions text;
  std::optional<std::string> prompt;
  std::size_t continuation = 0;      ///< tokens that the reference adds to the prompt
  std::size_t top = 10;              ///< rows of the table of next tokens
  std::size_t attributed_flips = 3;  ///< of a candidate
  std::size_t drift_tokens = 256;    ///< 0: no drift
  bool culprits = false;
  std::optional<double> max_kl;
  std::optional<double> min_top1;
  std::optional<double> max_perplexity_ratio;
  bool weights = false;
  std::string page;  ///< file of --html, or empty
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
  std::optional<compare::Chunks> chunks;    ///< of --text, once it was compared
  std::vector<std::int32_t> prompt_tokens;  ///< and its continuation, once it was compared
  compare::Comparison comparison;  ///< its models are summarized; its candidates are in the order of `candidates`
};

/// All metrics over --text.
void compare_text(CompareRun& run);

/// Next tokens and flips of -p, and the attribution of the worst flips.
void compare_prompt(CompareRun& run);

/// Drift through the layers on the first tokens of the text, or of the prompt when there is none.
void compare_depth(CompareRun& run);

/// The tensors that cost most on the text, which must have been compared.
void find_culprits(CompareRun& run);

/// The plans of the reference and a candidate. Nothing, and a note, when they are not the same network.
std::optional<compare::PlanPair> pair_with(const CompareRun& run, std::size_t candidate);

/// One sentence for every threshold that a candidate does not keep, and where its logits are not finite.
std::vector<std::string> failures(const CompareOptions& options, const compare::Comparison& comparison);

}  // namespace assay::cli

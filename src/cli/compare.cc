// assay compare: how far candidates are from a reference model.

#include "cli/compare.h"

#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/compare_weights.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "compare/summary.h"
#include "report/comparison_json.h"
#include "report/comparison_page.h"
#include "report/comparison_text.h"

namespace assay::cli {
namespace {

ComparedModel open_model(const std::string& name, std::size_t context) {
  ComparedModel opened{model::load_model(open_model_file(name), context), nullptr};
  for (const std::string& warning : opened.model.warnings) print_note(fmt::format("{}: {}", name, warning));
  opened.tokenizer = tokenizer::Tokenizer::from_gguf(opened.model.file);
  return opened;
}

CompareRun open_models(const CompareOptions& options) {
  // The usual length of chunks is none that was asked for where there are no chunks.
  const std::size_t context =
      options.text.file.empty() ? options.text.context.value_or(0) : options.text.chunk_tokens();
  CompareRun run{options, open_model(options.models.front(), context), {}, {}, {}, {}};
  run.comparison.reference = compare::summarize_model(options.models.front(), run.reference.model.file);
  for (std::size_t i = 1; i < options.models.size(); ++i) {
    run.candidates.push_back(open_model(options.models[i], context));
    run.comparison.candidates.emplace_back().summary =
        compare::summarize_model(options.models[i], run.candidates.back().model.file);
  }
  return run;
}

void check(const CompareOptions& options) {
  const bool needs_text =
      options.culprits || options.positions || options.max_kl || options.min_top1 || options.max_perplexity_ratio;
  if (options.weights) {
    if (options.text.file.empty() && !options.prompt && options.page.empty() && !needs_text) return;
    throw Error(ErrorKind::usage,
                "--weights runs nothing, so it takes no --text, no -p, no --html, no --culprits, no --positions and no "
                "thresholds");
  }
  if (options.text.file.empty() && !options.prompt) {
    throw Error(ErrorKind::usage, "nothing to compare the models on",
                "Give a text with --text, a prompt with -p, or both; or --weights.");
  }
  if (options.text.file.empty() && needs_text) {
    throw Error(ErrorKind::usage, "--culprits, --positions and thresholds need a text", "Give one with --text.");
  }
}

int execute(const CompareOptions& options) {
  check(options);
  if (options.weights) return compare_weight_files(options.models, options.engine.threads, options.json);
  check_output(options.page);
  CompareRun run = open_models(options);
  if (!options.text.file.empty()) compare_text(run);
  if (options.prompt) compare_prompt(run);
  compare_depth(run);
  if (options.culprits) find_culprits(run);
  const std::vector<std::string> failed = failures(options, run.comparison);
  if (options.json) {
    nlohmann::ordered_json document = report::to_json(run.comparison);
    for (nlohmann::ordered_json& candidate : document["candidates"]) {
      if (!options.positions) candidate.erase("text_positions");
    }
    document["failures"] = failed;
    print_json(document);
  } else {
    print_text(report::to_text(run.comparison));
  }
  if (!options.page.empty()) report::write_page(run.comparison, options.page);
  const Style& style = style_of(stderr);
  for (const std::string& failure : failed) fmt::print(stderr, "{}failed:{} {}\n", style.red, style.reset, failure);
  return failed.empty() ? 0 : 1;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<CompareOptions>();
  line.add_option("models", options->models, "The reference, then one or more candidates: paths or short names")
      .required()
      .times(2, 1 << 10);
  add_text_options(line, options->text);
  line.add_option("-p,--prompt", options->prompt, "A prompt: which tokens come next, and what flips");
  line.add_option("-n", options->continuation, "Tokens the reference adds to the prompt, greedily").between(0, 1 << 20);
  line.add_option("--top", options->top, "Tokens in the table of what comes next").between(1, 1000).show_default();
  line.add_option("--attribute", options->attributed_flips,
                  "The worst flips to find the tensors of, for every candidate")
      .between(0, 1 << 20)
      .show_default();
  line.add_option("--drift", options->drift_tokens,
                  "Tokens of the text (or prompt) to follow through the layers; 0: none")
      .between(0, 1 << 20)
      .show_default();
  line.add_flag("--culprits", options->culprits, "Find the tensors that cost most KL, on the text's first chunks");
  add_arithmetic_options(line, options->engine);
  const auto add_threshold = [&](const char* name, std::optional<double>& value, const char* help) {
    line.add_option(name, value, help).not_negative().group("Thresholds: exit 1 when one is not kept");
  };
  add_threshold("--max-kl", options->max_kl, "Largest mean KL divergence, in nats");
  add_threshold("--min-top1", options->min_top1, "Smallest share (0 to 1) of positions with the same top token");
  add_threshold("--max-ppl-ratio", options->max_perplexity_ratio, "Largest perplexity divided by the reference's");
  line.add_flag("--weights", options->weights,
                "Compare the tensors' values instead, running nothing; also safetensors files or folders of them");
  line.add_option("--html", options->page, "Write the result as one page to this file, with all it needs inside");
  line.add_flag("--positions", options->positions, "With --json: every scored position too");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

std::vector<std::string> failures(const CompareOptions& options, const compare::Comparison& comparison) {
  std::vector<std::string> sentences;
  for (const compare::CandidateResult& candidate : comparison.candidates) {
    for (const std::string* failure : {&candidate.failure, candidate.prompt ? &candidate.prompt->failure : nullptr}) {
      if (failure != nullptr && !failure->empty()) {
        sentences.push_back(fmt::format("{}: {}", candidate.summary.model, *failure));
      }
    }
    if (!candidate.text) continue;
    const auto check = [&](bool kept, const char* what, double value, const char* side, const char* option,
                           double limit) {
      if (kept) return;
      sentences.push_back(
          fmt::format("{}: {} {:.6g} is {} {} {:.6g}", candidate.summary.model, what, value, side, option, limit));
    };
    if (options.max_kl) {
      const double kl = candidate.text->kl.mean.mean;
      check(kl <= *options.max_kl, "mean KL", kl, "above", "--max-kl", *options.max_kl);
    }
    if (options.min_top1) {
      const double share = candidate.text->top1_agreement.mean;
      check(share >= *options.min_top1, "top-1 agreement", share, "below", "--min-top1", *options.min_top1);
    }
    if (options.max_perplexity_ratio) {
      const double ratio = candidate.text->perplexity_ratio.mean;
      check(ratio <= *options.max_perplexity_ratio, "perplexity ratio", ratio, "above", "--max-ppl-ratio",
            *options.max_perplexity_ratio);
    }
  }
  return sentences;
}

extern const Command kCompare = {"compare", "How far quantized models are from a reference, and why",
                                 "  assay compare f16.gguf q4_k_m.gguf --text wiki.test.raw --chunks 16\n"
                                 "  assay compare f16.gguf q8_0.gguf q6_k.gguf q4_0.gguf --text wiki.test.raw --json\n"
                                 "  assay compare f16.gguf q4_0.gguf --text wiki.test.raw --max-kl 0.02\n"
                                 "  assay compare f16.gguf q4_0.gguf -p \"In the beginning\" -n 64\n"
                                 "  assay compare --weights model.safetensors model-q8_0.gguf\n"
                                 "  assay compare f16.gguf q4_0.gguf --text wiki.test.raw --culprits --html page.html",
                                 setup};

}  // namespace assay::cli

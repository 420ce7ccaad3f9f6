// assay quantize: a model with smaller types, the same bytes as llama-quantize writes.

#include "recipe/quantize.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "gguf/tensor_infos.h"

namespace assay::cli {
namespace {

struct Options {
  std::string input;
  std::string output;
  std::string type;
  std::string imatrix;
  std::vector<std::string> overrides;
  int threads = 0;
  bool is_pure = false;
  bool may_requantize = false;
  bool is_dry_run = false;
  bool json = false;
};

struct Outcome {
  const Options& options;
  const gguf::File& file;
  const recipe::Recipe& recipe;
  const recipe::Importance* importance;
  std::string_view mix;
  double elapsed_s = 0;

  std::size_t fallbacks() const {
    std::size_t count = 0;
    for (const recipe::Item& item : recipe.items) count += item.is_fallback ? 1 : 0;
    return count;
  }
  std::uint64_t input_bytes() const {
    std::uint64_t bytes = 0;
    for (const gguf::Tensor& tensor : file.tensors()) bytes += tensor.data.size();
    return bytes;
  }
  double bits_per_weight(std::uint64_t bytes) const {
    const std::uint64_t values = recipe.values();
    return values == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(values);
  }
};

void report_json(const Outcome& outcome) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const recipe::Item& item : outcome.recipe.items) {
    tensors.push_back({{"name", item.tensor->name},
                       {"ne", item.tensor->ne},
                       {"from", item.tensor->type->name},
                       {"to", item.type->name},
                       {"size_bytes", item.size_bytes()},
                       {"fallback", item.is_fallback},
                       {"importance", item.has_importance}});
  }
  nlohmann::ordered_json result = {{"version", 1}, {"input", outcome.file.name()}};
  result["output"] = nullptr;
  if (!outcome.options.is_dry_run) result["output"] = outcome.options.output;
  result["type"] = outcome.mix;
  result["input_bytes"] = outcome.input_bytes();
  result["output_bytes"] = outcome.recipe.size_bytes();
  result["bits_per_weight"] = outcome.bits_per_weight(outcome.recipe.size_bytes());
  result["tensors"] = std::move(tensors);
  result["elapsed_s"] = outcome.elapsed_s;
  print_json(result);
}

void report_text(const Outcome& outcome) {
  std::size_t name_width = 0;
  for (const recipe::Item& item : outcome.recipe.items)
    name_width = std::max(name_width, printable(item.tensor->name, 64).size());
  std::string text;
  for (const recipe::Item& item : outcome.recipe.items) {
    std::string remark;
    if (item.is_fallback) remark = fmt::format("  rows of {} fit no wider block", item.tensor->ne[0]);
    if (item.has_importance) remark += "  importance";
    const std::string change = item.is_copied() ? std::string("  kept") : fmt::format("> {}", item.type->name);
    text += fmt::format("{:<{}}  {:>14}  {:>5} {:<8} {:>9}{}\n", printable(item.tensor->name, 64), name_width,
                        gguf::shape_text(item.tensor->ne), item.tensor->type->name, change,
                        human_bytes(item.size_bytes()), remark);
  }
  const std::uint64_t before = outcome.input_bytes();
  const std::uint64_t after = outcome.recipe.size_bytes();
  text += fmt::format("{}: {}, {:.2f} bits a weight -> {}, {:.2f} bits a weight", outcome.mix, human_bytes(before),
                      outcome.bits_per_weight(before), human_bytes(after), outcome.bits_per_weight(after));
  text += outcome.options.is_dry_run ? "; nothing written\n"
                                     : fmt::format("; {} in {:.1f} s\n", outcome.options.output, outcome.elapsed_s);
  print_text(text);
}

void write_file(const Outcome& outcome) {
  const InterruptGuard guard;
  Progress progress("quantize", outcome.recipe.values(), Progress::Unit::items);
  recipe::WriteOptions write;
  write.threads = outcome.options.threads > 0 ? outcome.options.threads : available_threads();
  write.importance = outcome.importance;
  write.importance_file = outcome.options.imatrix;
  write.on_progress = [&](std::uint64_t done) {
    progress.update(done);
    return !guard.interrupted();
  };
  if (!recipe::write_quantized(outcome.file, outcome.recipe, write, outcome.options.output)) throw Interrupted();
}

int execute(Options options) {
  if (options.type.empty() && options.is_dry_run) std::swap(options.output, options.type);
  if (options.type.empty()) {
    throw Error(ErrorKind::usage, "no type: assay quantize IN OUT TYPE",
                "For example: assay quantize in.gguf out.gguf Q4_K_M.");
  }
  recipe::ChoiceRules rules;
  rules.mix = &recipe::find_mix(options.type);
  rules.is_pure = options.is_pure;
  for (const std::string& text : options.overrides) rules.overrides.push_back(recipe::parse_override(text));
  if (!options.is_dry_run) check_output(options.output);
  const gguf::File file = open_model_file(options.input);
  if (!options.is_dry_run) check_not_input(file, options.output);
  std::optional<recipe::Importance> importance;
  if (!options.imatrix.empty()) importance = recipe::read_importance(options.imatrix);
  const recipe::Importance* used = importance ? &*importance : nullptr;
  const recipe::Recipe made = recipe::make_recipe(file, rules, used, options.may_requantize);
  Outcome outcome = {options, file, made, used, rules.mix->name};
  const auto start = std::chrono::steady_clock::now();
  if (!options.is_dry_run) write_file(outcome);
  outcome.elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (const std::size_t fallbacks = outcome.fallbacks(); fallbacks > 0) {
    print_note(
        fmt::format("{} of {} tensors have rows that the block of their type does not divide; they get a larger type",
                    fallbacks, made.items.size()));
  }
  options.json ? report_json(outcome) : report_text(outcome);
  return 0;
}

std::string types_help() {
  std::string text = "Type or mix:";
  for (const recipe::Mix& mix : recipe::all_mixes()) text += fmt::format("\n  {:<8} {}", mix.name, mix.what);
  return text;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.add_option("input", options->input, "The model: a path or a short name").required();
  line.add_option("output", options->output, "The file to write").required();
  line.add_option("type", options->type, types_help());
  line.add_option("--imatrix", options->imatrix,
                  "Importance of the columns, from assay imatrix or llama-imatrix (.gguf, .dat)");
  line.add_option("--tensor-type", options->overrides,
                  "PATTERN=TYPE: another type for the tensors whose name contains PATTERN, or matches it with * and ?")
      .one_word();
  line.add_flag("--pure", options->is_pure, "The same type for every matrix");
  line.add_flag("--allow-requantize", options->may_requantize,
                "Takes tensors that are quantized already; their errors add up");
  line.add_flag("--dry-run", options->is_dry_run, "Says what would become of each tensor, and writes nothing");
  line.add_threads(options->threads);
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kQuantize = {"quantize", "Write a model with smaller types",
                                  "  assay quantize model-f16.gguf model-q4.gguf Q4_K_M\n"
                                  "  assay quantize model-f16.gguf out.gguf Q4_K_M --imatrix imatrix.gguf\n"
                                  "  assay quantize model-f16.gguf out.gguf Q4_K_M --tensor-type attn_v=Q8_0\n"
                                  "  assay quantize model-f16.gguf Q3_K_M --dry-run",
                                  setup};

}  // namespace assay::cli

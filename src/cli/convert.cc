// assay convert: a Hugging Face folder as a GGUF file.

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
#include "cli/terminal.h"
#include "hugging_face/folder.h"
#include "model/model.h"
#include "recipe/quantize.h"

namespace assay::cli {
namespace {

struct Options {
  std::string input;
  std::string output;
  std::string type;
  std::string pre_tokenizer;
  int threads = 0;
  bool json = false;
};

void write_file(const Options& options, const gguf::File& file, const recipe::Recipe& made,
                hugging_face::TensorMaker& maker) {
  const InterruptGuard guard;
  Progress progress("convert", made.values(), Progress::Unit::items);
  recipe::WriteOptions write;
  write.threads = options.threads > 0 ? options.threads : available_threads();
  write.before_tensor = [&](const gguf::Tensor& tensor) { maker.make(tensor); };
  write.after_tensor = [&](const gguf::Tensor& tensor) { maker.release(tensor); };
  write.on_progress = [&](std::uint64_t done) {
    progress.update(done);
    return !guard.interrupted();
  };
  if (!recipe::write_quantized(file, made, write, options.output)) throw Interrupted();
}

void report(const Options& options, const model::Model& model, const recipe::Recipe& made, double elapsed_s,
            const std::vector<std::string>& notes) {
  if (!options.json) {
    print_text(fmt::format("{}: {}, {} tensors, {}; {} in {:.1f} s\n", printable(options.input),
                           model.hyper_parameters.architecture, made.items.size(), human_bytes(made.size_bytes()),
                           printable(options.output), elapsed_s));
    return;
  }
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const recipe::Item& item : made.items) {
    tensors.push_back({{"name", item.tensor->name}, {"ne", item.tensor->ne}, {"type", item.type->name}});
  }
  print_json({{"version", 1},
              {"input", options.input},
              {"output", options.output},
              {"architecture", model.hyper_parameters.architecture},
              {"size_bytes", made.size_bytes()},
              {"tensors", tensors},
              {"notes", notes},
              {"elapsed_s", elapsed_s}});
}

int execute(const Options& options) {
  check_output(options.output);
  if (!hugging_face::is_folder(options.input)) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is no Hugging Face folder: it has no config.json", printable(options.input)),
                "Give the folder that holds config.json, tokenizer.json and *.safetensors.");
  }
  const auto start = std::chrono::steady_clock::now();
  hugging_face::Folder folder = hugging_face::Folder::open(options.input, options.pre_tokenizer);
  // What the file would not be loaded for is said before it is written.
  const model::Model model = model::load_model(std::move(folder.model));
  std::vector<std::string> notes = std::move(folder.notes);
  notes.insert(notes.end(), model.warnings.begin(), model.warnings.end());
  for (const std::string& note : notes) print_note(note);
  recipe::Recipe made = recipe::keep_all(model.file);
  if (!options.type.empty()) {
    recipe::ChoiceRules rules;
    rules.mix = &recipe::find_mix(options.type);
    // What a checkpoint has in MXFP4 is nowhere in more.
    constexpr bool kMayRequantize = true;
    made = recipe::make_recipe(model.file, rules, nullptr, kMayRequantize);
  }
  write_file(options, model.file, made, *folder.maker);
  report(options, model, made, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), notes);
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.add_option("input", options->input, "The folder: config.json, tokenizer.json, *.safetensors").required();
  line.add_option("output", options->output, "The file to write").required();
  line.add_option(
      "--type", options->type,
      "Another type for the matrices: F32, F16, BF16, Q8_0, Q4_K_M and whatever `assay quantize` takes; without "
      "it they keep theirs");
  line.add_option("--pre", options->pre_tokenizer,
                  "Name of the pre-tokenizer (tokenizer.ggml.pre), where tokenizer.json does not tell");
  line.add_threads(options->threads);
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kConvert = {"convert", "Write a Hugging Face folder as a GGUF file",
                                 "  assay convert SmolLM2-135M smollm2.gguf\n"
                                 "  assay convert SmolLM2-135M smollm2-q8.gguf --type Q8_0\n"
                                 "  assay compare --weights SmolLM2-135M smollm2.gguf",
                                 setup};

}  // namespace assay::cli

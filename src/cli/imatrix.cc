// assay imatrix: how much each column of a model's matrices matters on a text, for `assay quantize --imatrix`.

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/progress.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_options.h"
#include "compare/chunks.h"
#include "recipe/collect.h"

namespace assay::cli {
namespace {

struct Options {
  EngineArguments engine;
  TextOptions text;
  std::string output;
  bool json = false;
};

recipe::Importance collect(const Options& options, Session& session, const compare::Chunks& chunks) {
  const InterruptGuard guard;
  constexpr std::size_t kTokensAtOnce = 64;
  recipe::ImportanceCollector collector(session.model.plan);
  compare::ChunkRunner runner(*session.engine, chunks, kTokensAtOnce);
  Progress progress("imatrix", chunks.count(), Progress::Unit::items);
  for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
    progress.update(chunk);
    guard.throw_if_interrupted();
    runner.observe(chunk, collector);
  }
  recipe::Importance importance = collector.result();
  importance.dataset = options.text.file;
  importance.chunks = static_cast<std::uint32_t>(chunks.count());
  importance.chunk_tokens = static_cast<std::uint32_t>(chunks.context());
  return importance;
}

int execute(const Options& options) {
  check_output(options.output);
  const std::string text = read_text(options.text);
  EngineArguments arguments = options.engine;
  arguments.context = options.text.chunk_tokens();
  const auto session = open_session(arguments);
  check_not_input(session->model.file, options.output);
  const compare::Chunks chunks(*session->tokenizer, text, options.text.chunk_tokens(), options.text.chunks);
  const auto start = std::chrono::steady_clock::now();
  const recipe::Importance importance = collect(options, *session, chunks);
  recipe::write_importance(importance, options.output);
  const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) {
    print_json({{"version", 1},
                {"model", session->model.file.name()},
                {"engine", session->engine->description()},
                {"text", options.text.file},
                {"context", chunks.context()},
                {"chunks", chunks.count()},
                {"entries", importance.entries.size()},
                {"output", options.output},
                {"elapsed_s", elapsed_s}});
    return 0;
  }
  print_text(fmt::format("{}: {} matrices over {} chunk{} of {} tokens, {:.1f} s\n", options.output,
                         importance.entries.size(), chunks.count(), chunks.count() == 1 ? "" : "s", chunks.context(),
                         elapsed_s));
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->engine.model);
  add_text_options(line, options->text).required();
  line.add_option("-o,--output", options->output, "The file to write: .dat for llama.cpp's old format, else GGUF")
      .required();
  add_arithmetic_options(line, options->engine);
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kImatrix = {"imatrix", "Which columns of a model's matrices matter on a text",
                                 "  assay imatrix model-f16.gguf --text calibration.txt -o imatrix.gguf\n"
                                 "  assay imatrix smollm2 --text wiki.test.raw --chunks 50 -o imatrix.gguf",
                                 setup};

}  // namespace assay::cli

// assay perplexity: how well a model predicts a text, chunk by chunk as llama-perplexity does it.

#include "compare/perplexity.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/chunk_progress.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/perplexity_state.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text_options.h"
#include "engine/batch.h"

namespace assay::cli {
namespace {

struct Options {
  EngineArguments engine;
  TextOptions text;
  std::string resume;
  bool json = false;
};

std::vector<compare::ChunkScore> score(const Options& options, Session& session, const compare::Chunks& chunks,
                                       PerplexityState* state) {
  const InterruptGuard guard;
  const int threads = engine::resolve_threads({.threads = options.engine.threads});
  compare::ChunkRunner runner(*session.engine, chunks, compare::rows_within_memory(session.model.plan.vocabulary));
  std::vector<compare::ChunkScore> scores;
  if (state != nullptr) scores = state->scores();
  if (scores.size() > chunks.count()) scores.resize(chunks.count());
  ChunkProgress progress("perplexity", chunks.count());
  while (scores.size() < chunks.count()) {
    guard.throw_if_interrupted();
    scores.push_back(compare::score_chunk(runner, chunks, scores.size(), threads));
    if (state != nullptr) state->save(scores);
    const compare::Estimate estimate = compare::perplexity(scores);
    progress.show(scores.size(), fmt::format("perplexity {:.4f} +- {:.4f}", estimate.mean, estimate.standard_error));
  }
  return scores;
}

nlohmann::ordered_json to_json(const std::vector<compare::ChunkScore>& scores) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const compare::ChunkScore& chunk : scores) list.push_back(compare::perplexity({&chunk, 1}).mean);
  return list;
}

int execute(const Options& options) {
  check_output(options.resume);
  const std::string text = read_text(options.text);
  EngineArguments arguments = options.engine;
  arguments.context = options.text.chunk_tokens();
  const auto session = open_session(arguments);
  const compare::Chunks chunks(*session->tokenizer, text, options.text.chunk_tokens(), options.text.chunks);
  std::unique_ptr<PerplexityState> state;
  if (!options.resume.empty()) {
    state = std::make_unique<PerplexityState>(options.resume, session->model.file, text, arguments, chunks.scored());
  }

  const auto start = std::chrono::steady_clock::now();
  const std::size_t resumed = state ? std::min(state->scores().size(), chunks.count()) : 0;
  const std::vector<compare::ChunkScore> scores = score(options, *session, chunks, state.get());
  const double elapsed_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const compare::Estimate estimate = compare::perplexity(scores);
  const std::size_t positions = chunks.count() * chunks.scored();
  if (options.json) {
    print_json({{"version", 1},
                {"model", session->model.file.name()},
                {"engine", session->engine->description()},
                {"text", options.text.file},
                {"context", chunks.context()},
                {"chunks", chunks.count()},
                {"resumed_chunks", resumed},
                {"positions", positions},
                {"perplexity", estimate.mean},
                {"stderr", estimate.standard_error},
                {"chunk_perplexities", to_json(scores)},
                {"elapsed_s", elapsed_s}});
    return 0;
  }
  print_text(fmt::format("perplexity {:.4f} +- {:.4f}  ({} chunk{} of {} tokens, {} scored)\n", estimate.mean,
                         estimate.standard_error, chunks.count(), chunks.count() == 1 ? "" : "s", chunks.context(),
                         positions));
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->engine.model);
  add_text_options(line, options->text).required();
  line.add_option("--resume", options->resume,
                  "Keeps the sums of the chunks that are done in this file, and goes on from it");
  add_arithmetic_options(line, options->engine);
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kPerplexity = {"perplexity", "How well a model predicts a text",
                                    "  assay perplexity --text bible.txt --chunks 8\n"
                                    "  assay perplexity model.gguf --text wiki.test.raw --resume state.json\n"
                                    "  assay perplexity smollm2 --text wiki.test.raw --ctx 1024 --engine oracle --json",
                                    setup};

}  // namespace assay::cli

#include <utility>

#include <fmt/format.h>

#include "cli/chunk_progress.h"
#include "cli/compare.h"
#include "cli/interrupt.h"
#include "compare/text.h"

namespace assay::cli {
namespace {

void keep_pieces(compare::Comparison& comparison, const compare::Chunks& chunks,
                 const tokenizer::Tokenizer& tokenizer) {
  const auto keep = [&](tokenizer::Token token) { comparison.pieces.try_emplace(token, tokenizer.piece(token)); };
  for (std::size_t chunk = 0; chunk < chunks.count(); ++chunk) {
    for (const tokenizer::Token token : chunks.tokens(chunk)) {
      comparison.tokens.push_back(token);
      keep(token);
    }
  }
  for (const compare::CandidateResult& candidate : comparison.candidates) {
    for (const compare::TextPosition& position : candidate.positions) {
      keep(position.reference_top);
      keep(position.candidate_top);
    }
  }
}

}  // namespace

void compare_text(CompareRun& run) {
  const CompareOptions& options = run.options;
  const std::string text = read_text(options.text);
  std::vector<tokenizer::Token> tokens = compare::encode_text(*run.reference.tokenizer, text);
  for (std::size_t i = 0; i < run.candidates.size(); ++i) {
    compare::check_same_tokenizer(*run.reference.tokenizer, *run.candidates[i].tokenizer, options.models[i + 1], text,
                                  tokens);
  }
  run.chunks.emplace(*run.reference.tokenizer, std::move(tokens), options.text.chunk_tokens(), options.text.chunks);
  const compare::Chunks& chunks = *run.chunks;

  compare::TextRequest request;
  request.engine = options.engine.engine;
  request.options = engine_options(run.options.engine);
  request.chunks = &chunks;
  request.reference = &run.reference.model.plan;
  for (const ComparedModel& candidate : run.candidates) request.candidates.push_back(&candidate.model.plan);
  request.keep_positions = options.positions || !options.page.empty();
  const InterruptGuard guard;
  ChunkProgress progress("compare", chunks.count());
  request.on_chunk = [&](std::size_t done, std::span<const double> mean_kl) {
    progress.show(done, fmt::format("mean KL {:.6f}", fmt::join(mean_kl, ", ")));
    guard.throw_if_interrupted();
  };
  compare::TextComparison found = compare::compare_text(request);

  compare::Comparison& comparison = run.comparison;
  comparison.engine = found.engine;
  comparison.text_name = options.text.file;
  comparison.context = chunks.context();
  comparison.chunks = chunks.count();
  comparison.reference_perplexity = found.reference_perplexity;
  for (std::size_t i = 0; i < found.candidates.size(); ++i) {
    comparison.candidates[i].failure = found.candidates[i].failure;
    if (!found.candidates[i].failure.empty()) continue;
    comparison.candidates[i].text = found.candidates[i].result;
    comparison.candidates[i].positions = std::move(found.candidates[i].positions);
  }
  if (request.keep_positions) keep_pieces(comparison, chunks, *run.reference.tokenizer);
}

}  // namespace assay::cli

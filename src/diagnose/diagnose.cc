#include "diagnose/diagnose.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "diagnose/gates/head_order.h"
#include "diagnose/gates/sampler.h"
#include "diagnose/gates/tokens.h"
#include "diagnose/gates/weights.h"
#include "diagnose/replay.h"
#include "diagnose/walk.h"
#include "diagnose/whole_model.h"

namespace assay::diagnose {
namespace {

using Outcome = StepReport::Outcome;

Passage passage_of(const trace::ForeignTrace& trace) {
  Passage passage;
  passage.tokens = trace.tokens;
  passage.prompt_tokens = trace.prompt_tokens;
  if (passage.tokens.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: no token ids", trace.source),
                "Dump them as 'tokens', or give --ids or the prompt (-p).");
  }
  passage.positions.resize(passage.tokens.size());
  std::iota(passage.positions.begin(), passage.positions.end(), std::size_t{0});
  return passage;
}

void check_generated(const trace::ForeignTrace& trace, std::size_t vocabulary) {
  for (const std::int32_t id : trace.generated) {
    if (id >= 0 && static_cast<std::size_t>(id) < vocabulary) continue;
    throw Error(ErrorKind::input,
                fmt::format("{}: the chosen id {} is outside the vocabulary of {}", trace.source, id, vocabulary),
                "Are these ids of another model?");
  }
}

/// The ids that were chosen, put behind the prompt: they were the next inputs.
void append_chosen(Passage& passage, const trace::ForeignTrace& trace) {
  for (std::size_t i = 0; i + 1 < trace.generated.size(); ++i) {
    if (passage.prompt_tokens + i < passage.tokens.size()) continue;
    passage.tokens.push_back(trace.generated[i]);
    passage.positions.push_back(passage.positions.size());
  }
}

std::string most_common_arithmetic(const std::vector<StepReport>& steps) {
  std::map<std::string, std::size_t> counts;
  for (const StepReport& step : steps) {
    if (step.outcome == Outcome::healthy && step.operation == "linear") ++counts[step.arithmetic];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? "" : most->first;
}

void add(GateReport report, Verdict& verdict) {
  verdict.findings.insert(verdict.findings.end(), std::make_move_iterator(report.findings.begin()),
                          std::make_move_iterator(report.findings.end()));
  verdict.notes.insert(verdict.notes.end(), std::make_move_iterator(report.notes.begin()),
                       std::make_move_iterator(report.notes.end()));
}

bool says_inner_values(const trace::ForeignTrace& trace, const model::Plan& plan) {
  const std::string& logits = plan.values[static_cast<std::size_t>(plan.logits)].tap;
  return std::any_of(trace.taps.begin(), trace.taps.end(),
                     [&](const trace::ForeignTap& tap) { return tap.name != logits; });
}

bool is_of_gate(const Finding& finding) {
  return finding.operation == "tokens" || finding.operation == "sampler" || finding.operation == "weights";
}

void judge_from_outside(const model::Model& model, const Passage& passage, const trace::ForeignTrace& trace,
                        const DiagnoseRequest& request, Verdict& verdict) {
  WholeModelRequest whole;
  Outside& outside = whole.outside;
  outside.logits = trace.find(model.plan.values[static_cast<std::size_t>(model.plan.logits)].tap);
  outside.chosen = trace.generated;
  if (outside.chosen.empty() && !trace.is_prescribed) {
    outside.chosen = std::span(trace.tokens).subspan(trace.prompt_tokens);
  }
  if (outside.logits == nullptr && outside.chosen.empty()) {
    const bool is_sure = std::any_of(verdict.findings.begin(), verdict.findings.end(), is_sure_mistake);
    verdict.kind = is_sure ? VerdictKind::fault : VerdictKind::undecided;
    verdict.needed.emplace_back("values, logits or chosen ids: token ids alone say nothing about the network");
    return;
  }
  outside.first_chosen = passage.prompt_tokens - 1;
  whole.pairs = request.pairs;
  if (!request.arithmetics.empty()) whole.coarsest = request.arithmetics.back();
  whole.budget = request.budget;
  whole.threads = request.threads;
  whole.on_run = request.on_progress;
  const WholeModelResult result = replay_whole_model(model, passage, whole);
  verdict.kind = VerdictKind::undecided;
  if (result.is_right) {
    verdict.kind = VerdictKind::rounding;
    verdict.notes.emplace_back(outside.logits != nullptr
                                   ? "the logits are the model's, within rounding"
                                   : "the ids are those that the model without any fault chooses");
  }
  verdict.findings.insert(verdict.findings.end(), result.findings.begin(), result.findings.end());
  const bool is_sure = std::any_of(verdict.findings.begin(), verdict.findings.end(), is_sure_mistake);
  if (is_sure) verdict.kind = VerdictKind::fault;
  if (!result.untried.empty()) verdict.needed.push_back(result.untried + " (--budget SECONDS tries more)");
  if (!result.is_right && !is_sure) {
    verdict.needed.emplace_back("taps of the first block (embed, blk.0.*): the step that is wrong can then be named");
  }
}

}  // namespace

Verdict diagnose(const model::Model& model, const tokenizer::Tokenizer& tokenizer, trace::ForeignTrace trace,
                 const DiagnoseRequest& request) {
  Verdict verdict;
  verdict.layers = model.plan.layers;
  verdict.notes = trace.notes;
  for (const trace::ForeignTap& tap : trace.taps) {
    if (!tap.note.empty()) verdict.notes.push_back(fmt::format("{}: {}", tap.name, tap.note));
  }
  for (const std::string& extra : trace.extra) verdict.notes.push_back(fmt::format("not used: {}", extra));
  check_generated(trace, model.plan.vocabulary);
  Passage passage = passage_of(trace);
  const bool is_outside = std::any_of(passage.tokens.begin(), passage.tokens.end(), [&](std::int32_t token) {
    return token < 0 || static_cast<std::size_t>(token) >= model.plan.vocabulary;
  });
  // An id outside the vocabulary may stand behind the prompt too.
  const std::size_t judged = is_outside ? passage.tokens.size() : passage.prompt_tokens;
  add(check_tokens(model.file, tokenizer, request.prompt, {passage.tokens.data(), judged}), verdict);
  add(check_sampler(trace), verdict);
  add(check_weights(model, trace, request.threads), verdict);
  if (is_outside) {
    verdict.kind = VerdictKind::fault;
    verdict.needed.emplace_back("token ids of this model: nothing can be computed with these");
    return verdict;
  }
  for (std::string& note : align_head_order(model, passage, trace, request.threads)) {
    verdict.notes.push_back(std::move(note));
  }

  if (!says_inner_values(trace, model.plan)) {
    append_chosen(passage, trace);
    judge_from_outside(model, passage, trace, request, verdict);
    return verdict;
  }

  Replay replay(model, trace, std::move(passage), request.threads);
  WalkRequest walk_request;
  walk_request.arithmetics = request.arithmetics;
  walk_request.on_progress = [&](std::size_t done) {
    if (request.on_progress) request.on_progress(done, model.plan.steps.size(), {});
  };
  Walked walked = walk(replay, walk_request);
  std::vector<Finding> findings = join_layers(std::move(walked.findings));
  const bool is_open = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& finding) { return finding.fault_class == FaultClass::mistake; });
  verdict.findings.insert(verdict.findings.end(), std::make_move_iterator(findings.begin()),
                          std::make_move_iterator(findings.end()));
  verdict.steps = std::move(walked.steps);
  verdict.needed.insert(verdict.needed.end(), walked.needed.begin(), walked.needed.end());
  verdict.arithmetic = most_common_arithmetic(verdict.steps);
  for (const StepReport& step : verdict.steps) {
    if (step.outcome == Outcome::healthy) verdict.acquitted.push_back(step.tap);
  }
  acquit_weights(model.plan, verdict.steps, verdict.findings, verdict.notes);
  const bool is_faulty = std::any_of(verdict.findings.begin(), verdict.findings.end(), is_sure_mistake);
  // What the gates only suspect stands last.
  std::stable_partition(verdict.findings.begin(), verdict.findings.end(), [](const Finding& finding) {
    return finding.confidence >= 0.5 || finding.fault_class == FaultClass::rounding || !is_of_gate(finding);
  });
  verdict.kind = is_faulty ? VerdictKind::fault : is_open ? VerdictKind::undecided : VerdictKind::rounding;
  if (verdict.acquitted.empty() && !is_faulty) verdict.kind = VerdictKind::undecided;
  return verdict;
}

}  // namespace assay::diagnose

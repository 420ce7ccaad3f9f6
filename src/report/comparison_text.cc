#include "report/comparison_text.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "report/table.h"

namespace assay::report {
namespace {

using Align = Table::Align;

constexpr std::size_t kMostIntroducing = 8;
constexpr std::size_t kTensors = 5;  // put back alone
constexpr std::size_t kGroups = 2;   // layers, and kinds

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string with_error(const compare::Estimate& estimate, int digits) {
  return fmt::format("{:.{}f} +- {:.{}f}", estimate.mean, digits, estimate.standard_error, digits);
}

/// As many digits as the error makes worth reading.
std::string small(const compare::Estimate& estimate) {
  return fmt::format("{:.3g} +- {:.1g}", estimate.mean, estimate.standard_error);
}

std::string quoted(const std::string& piece) { return fmt::format("'{}'", printable(piece, 24)); }

/// What was put back: "blk.3.attn_v.weight", "all attn_v", "all of blk.3", "the 3 worst".
std::string put_back(compare::GroupKind group, const std::string& name) {
  switch (group) {
    case compare::GroupKind::tensor:
      return name;
    case compare::GroupKind::layer:
      return "all of " + name;
    case compare::GroupKind::kind:
      return "all " + name;
    case compare::GroupKind::together:
      return "the " + name;
  }
  return name;
}

/// The first ones of every sort, which are the worst; of those put back together all.
template <typename PutBack>
std::vector<const PutBack*> worst_of_each(const std::vector<PutBack>& found) {
  std::vector<const PutBack*> shown;
  std::map<compare::GroupKind, std::size_t> counts;
  for (const PutBack& each : found) {
    const std::size_t limit = each.group == compare::GroupKind::tensor ? kTensors : kGroups;
    if (counts[each.group]++ < limit || each.group == compare::GroupKind::together) shown.push_back(&each);
  }
  return shown;
}

std::string describe(const compare::ModelSummary& summary) {
  return fmt::format("{}  {}, {}, {:.2f} bits a weight", summary.model, summary.file_type,
                     human_bytes(summary.size_bytes), summary.bits_per_weight);
}

std::string heading(const compare::Comparison& comparison) {
  std::string text = fmt::format("reference   {}\n", describe(comparison.reference));
  if (comparison.reference_perplexity) {
    text += fmt::format("text        {}, {} chunk{} of {} tokens; reference perplexity {}\n", comparison.text_name,
                        comparison.chunks, comparison.chunks == 1 ? "" : "s", comparison.context,
                        with_error(*comparison.reference_perplexity, 4));
  }
  if (!comparison.prompt.empty()) text += fmt::format("prompt      '{}'\n", printable(comparison.prompt, 80));
  if (!comparison.continuation.empty()) {
    text += fmt::format("continued   '{}'\n", printable(comparison.continuation, 80));
  }
  if (!comparison.engine.empty()) text += fmt::format("engine      {}\n", comparison.engine);
  return text;
}

std::string text_table(const compare::Comparison& comparison) {
  Table sizes({{"candidate", Align::left},
               {"type", Align::left},
               {"bits"},
               {"ppl ratio"},
               {"mean KL"},
               {"median"},
               {"99 %"},
               {"max"},
               {"same top"},
               {"flips"},
               {"near ties"}});
  for (const compare::CandidateResult& candidate : comparison.candidates) {
    if (!candidate.text) continue;
    const compare::TextResult& text = *candidate.text;
    sizes.add({printable(candidate.summary.model, 48), candidate.summary.file_type,
               fmt::format("{:.2f}", candidate.summary.bits_per_weight), with_error(text.perplexity_ratio, 4),
               small(text.kl.mean), fmt::format("{:.3g}", text.kl.median), fmt::format("{:.3g}", text.kl.p99),
               fmt::format("{:.3g}", text.kl.max), percent(text.top1_agreement.mean), std::to_string(text.flips),
               std::to_string(text.near_ties)});
  }
  return "\n" + sizes.text();
}

void add_tap(Table& table, const compare::TapDrift& tap) {
  table.add({tap.tap, tap.weight_type, fmt::format("{:.2e}", tap.relative_error), fmt::format("{:.2e}", tap.introduced),
             fmt::format("{:.2e}", tap.inherited), fmt::format("{:.6f}", tap.cosine),
             fmt::format("{:.1f}", tap.sqnr_db), fmt::format("{:.4g}", tap.rms_reference),
             fmt::format("{:.4g}", tap.rms_candidate)});
}

Table tap_table() {
  return Table({{"tap", Align::left},
                {"weight", Align::left},
                {"relative error"},
                {"introduced"},
                {"inherited"},
                {"cosine"},
                {"SQNR dB"},
                {"rms"},
                {"candidate's"}});
}

/// The residual stream after each layer, and the taps that introduce most.
std::string drift_tables(const compare::CandidateResult& candidate) {
  Table stream = tap_table();
  for (const compare::TapDrift& tap : candidate.taps) {
    if (tap.tap.ends_with(".out") || tap.layer < 0) add_tap(stream, tap);
  }
  std::vector<const compare::TapDrift*> worst;
  for (const compare::TapDrift& tap : candidate.taps) worst.push_back(&tap);
  const std::size_t shown = std::min(kMostIntroducing, worst.size());
  std::partial_sort(worst.begin(), worst.begin() + static_cast<std::ptrdiff_t>(shown), worst.end(),
                    [](const auto* a, const auto* b) { return a->introduced > b->introduced; });
  Table introducing = tap_table();
  for (std::size_t i = 0; i < shown; ++i) add_tap(introducing, *worst[i]);
  std::string text = fmt::format("\n{}: through the layers\n{}\n{}: where most is introduced\n{}",
                                 candidate.summary.model, stream.text(), candidate.summary.model, introducing.text());
  for (const std::string& sentence : candidate.growth.verdict) text += fmt::format("\n  {}\n", sentence);
  return text;
}

std::string top_table(const compare::CandidateResult& candidate) {
  Table table({{"token", Align::left}, {"rank"}, {"logit"}, {"p"}, {"candidate's rank"}, {"logit"}, {"p"}});
  for (const compare::TopToken& token : candidate.prompt->top) {
    table.add({quoted(token.piece), std::to_string(token.reference_rank), fmt::format("{:.4f}", token.reference_logit),
               percent(std::exp(token.reference_log_prob)), std::to_string(token.candidate_rank),
               fmt::format("{:.4f}", token.candidate_logit), percent(std::exp(token.candidate_log_prob))});
  }
  return fmt::format("\n{}: what comes next\n{}", candidate.summary.model, table.text());
}

std::string describe(const compare::Flip& flip) {
  std::string text =
      fmt::format("\n  position {}, after '{}': {} becomes {}\n", flip.position, printable(flip.context, 60),
                  quoted(flip.reference_piece), quoted(flip.candidate_piece));
  text += fmt::format("  margin {:.4f} in the reference, {:.4f} the other way in the candidate{}\n",
                      flip.reference_margin, flip.candidate_margin, flip.near_tie ? " (a near tie)" : "");
  if (flip.attribution.empty()) return text;
  Table table({{"put back", Align::left}, {"margin then"}, {"flips back", Align::left}});
  for (const compare::Attribution* attribution : worst_of_each(flip.attribution)) {
    table.add({put_back(attribution->group, attribution->name), fmt::format("{:+.4f}", attribution->margin),
               attribution->flips_back ? "yes" : "no"});
  }
  return text + table.text();
}

std::string flip_count(const compare::CandidateResult& candidate) {
  const std::vector<compare::Flip>& flips = candidate.prompt->flips;
  const auto near_ties = static_cast<std::size_t>(
      std::count_if(flips.begin(), flips.end(), [](const compare::Flip& flip) { return flip.near_tie; }));
  return fmt::format("\n{}: {} flips and {} near ties (logits differ by {:.3g}) in {} positions\n",
                     candidate.summary.model, flips.size() - near_ties, near_ties,
                     candidate.prompt->typical_logit_error, candidate.prompt->positions);
}

std::string culprit_table(const compare::CandidateResult& candidate) {
  Table table({{"put back", Align::left}, {"mean KL then"}, {"share of KL"}});
  for (const compare::Culprit* culprit : worst_of_each(candidate.culprits)) {
    table.add(
        {put_back(culprit->group, culprit->name), fmt::format("{:.3g}", culprit->kl), percent(culprit->kl_share)});
  }
  return fmt::format("\n{}: the tensors to blame\n{}", candidate.summary.model, table.text());
}

std::string details(const compare::CandidateResult& candidate) {
  std::string text;
  if (!candidate.taps.empty()) text += drift_tables(candidate);
  if (!candidate.culprits.empty()) text += culprit_table(candidate);
  if (!candidate.prompt) return text;
  text += top_table(candidate);
  text += flip_count(candidate);
  for (const compare::Flip& flip : candidate.prompt->flips) text += describe(flip);
  return text;
}

}  // namespace

std::string to_text(const compare::Comparison& comparison) {
  std::string text = heading(comparison);
  if (comparison.reference_perplexity) text += text_table(comparison);
  for (const compare::CandidateResult& candidate : comparison.candidates) text += details(candidate);
  return text;
}

}  // namespace assay::report

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

/// A layer's output, or a tap outside the layers, and the tap of the layer that introduces most.
void add_layer(Table& table, const compare::TapDrift& output, const compare::TapDrift& worst) {
  table.add({output.tap, fmt::format("{:.2e}", output.relative_error), fmt::format("{:.6f}", output.cosine),
             fmt::format("{:.1f}", output.sqnr_db), fmt::format("{:.4g}", output.rms_reference),
             fmt::format("{:.4g}", output.rms_candidate),
             worst.introduced > 0 ? fmt::format("{:.2e}", worst.introduced) : "",
             worst.introduced > 0 ? worst.tap : ""});
}

std::string layer_table(const std::vector<compare::TapDrift>& taps) {
  Table table({{"output", Align::left},
               {"error"},
               {"cosine"},
               {"SQNR dB"},
               {"rms"},
               {"candidate's"},
               {"introduced"},
               {"most at", Align::left}});
  const compare::TapDrift* worst = nullptr;
  for (const compare::TapDrift& tap : taps) {
    if (worst == nullptr || worst->layer != tap.layer || tap.layer < 0 || tap.introduced > worst->introduced) {
      worst = &tap;
    }
    if (tap.layer < 0 || tap.tap.ends_with(".out")) add_layer(table, tap, *worst);
  }
  return table.text();
}

std::string introducing_table(const std::vector<compare::TapDrift>& taps) {
  std::vector<const compare::TapDrift*> worst;
  for (const compare::TapDrift& tap : taps) {
    if (tap.introduced > 0) worst.push_back(&tap);
  }
  if (worst.empty()) return "";
  std::stable_sort(worst.begin(), worst.end(),
                   [](const auto* a, const auto* b) { return a->introduced > b->introduced; });
  Table table(
      {{"tap", Align::left}, {"weight", Align::left}, {"introduced"}, {"inherited"}, {"error"}, {"worst channel"}});
  for (std::size_t i = 0; i < std::min(kMostIntroducing, worst.size()); ++i) {
    const compare::TapDrift& tap = *worst[i];
    table.add({tap.tap, tap.weight_type, fmt::format("{:.2e}", tap.introduced), fmt::format("{:.2e}", tap.inherited),
               fmt::format("{:.2e}", tap.relative_error), std::to_string(tap.worst_channel)});
  }
  return table.text();
}

/// Layer by layer, the taps that introduce most, and what it means.
std::string drift_tables(const compare::CandidateResult& candidate) {
  std::string text = fmt::format("\n{}: through the layers\n{}", candidate.summary.model, layer_table(candidate.taps));
  const std::string introducing = introducing_table(candidate.taps);
  if (!introducing.empty()) {
    text += fmt::format("\n{}: where most is introduced\n{}", candidate.summary.model, introducing);
  }
  text += fmt::format("\n{}: is it normal?\n", candidate.summary.model);
  for (const std::string& sentence : candidate.growth.verdict) text += fmt::format("  {}\n", sentence);
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
  return fmt::format("\n{}: the tensors to blame (mean KL {:.3g} on the text's first {})\n{}", candidate.summary.model,
                     candidate.culprits_kl,
                     candidate.culprits_chunks == 1 ? "chunk" : fmt::format("{} chunks", candidate.culprits_chunks),
                     table.text());
}

std::string details(const compare::CandidateResult& candidate) {
  std::string text;
  if (!candidate.failure.empty()) text += fmt::format("\n{}: {}\n", candidate.summary.model, candidate.failure);
  if (!candidate.taps.empty()) text += drift_tables(candidate);
  if (!candidate.culprits.empty()) text += culprit_table(candidate);
  if (!candidate.prompt) return text;
  if (!candidate.prompt->failure.empty()) {
    return text + fmt::format("\n{}: {}\n", candidate.summary.model, candidate.prompt->failure);
  }
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

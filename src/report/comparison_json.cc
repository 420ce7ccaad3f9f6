#include "report/comparison_json.h"

#include <string>
#include <utility>

namespace assay::report {
namespace {

using Json = nlohmann::ordered_json;

/// Adds `name` and `name_stderr`.
void add(Json& json, const std::string& name, const compare::Estimate& estimate) {
  json[name] = estimate.mean;
  json[name + "_stderr"] = estimate.standard_error;
}

Json to_json(const compare::ModelSummary& summary) {
  return {{"model", summary.model},
          {"architecture", summary.architecture},
          {"file_type", summary.file_type},
          {"size_bytes", summary.size_bytes},
          {"bits_per_weight", summary.bits_per_weight}};
}

Json to_json(const compare::Spread& spread) {
  return {{"mean", spread.mean.mean},
          {"stderr", spread.mean.standard_error},
          {"independent_stderr", spread.mean.independent_error},
          {"median", spread.median},
          {"p90", spread.p90},
          {"p99", spread.p99},
          {"p999", spread.p999},
          {"max", spread.max}};
}

void add(Json& json, const compare::TextResult& text) {
  json["positions"] = text.positions;
  add(json, "ppl", text.perplexity);
  add(json, "ppl_ratio", text.perplexity_ratio);
  json["kl"] = to_json(text.kl);
  add(json, "top1_agreement", text.top1_agreement);
  json["text_flips"] = text.flips;
  json["near_ties"] = text.near_ties;
  json["typical_logit_error"] = text.typical_logit_error;
  add(json, "log_prob_difference", text.log_prob_difference);
  json["rms_probability_difference"] = text.rms_probability_difference;
}

Json to_json(const compare::TextPosition& position) {
  return {{"chunk", position.chunk},
          {"position", position.position},
          {"token", position.token},
          {"kl", position.kl},
          {"reference_log_prob", position.reference_log_prob},
          {"candidate_log_prob", position.candidate_log_prob},
          {"reference_margin", position.reference_margin},
          {"reference_top", position.reference_top},
          {"candidate_top", position.candidate_top},
          {"near_tie", position.near_tie}};
}

Json to_json(const compare::TapDrift& tap) {
  return {{"tap", tap.tap},
          {"layer", tap.layer < 0 ? Json() : Json(tap.layer)},
          {"operation", tap.operation},
          {"weight", tap.weight},
          {"weight_type", tap.weight_type},
          {"relative_error", tap.relative_error},
          {"introduced", tap.introduced},
          {"inherited", tap.inherited},
          {"cosine", tap.cosine},
          {"sqnr_db", tap.sqnr_db},
          {"rms_reference", tap.rms_reference},
          {"rms_candidate", tap.rms_candidate},
          {"worst_channel", tap.worst_channel}};
}

Json to_json(const compare::MassiveChannel& channel) {
  return {{"tap", channel.tap},
          {"channel", channel.channel},
          {"position", channel.position},
          {"value", channel.value},
          {"candidate", channel.candidate},
          {"median", channel.median},
          {"first_tap", channel.first_tap},
          {"last_tap", channel.last_tap}};
}

Json to_json(const compare::TopToken& token) {
  return {{"token", token.token},
          {"piece", token.piece},
          {"reference_logit", token.reference_logit},
          {"reference_log_prob", token.reference_log_prob},
          {"reference_rank", token.reference_rank},
          {"candidate_logit", token.candidate_logit},
          {"candidate_log_prob", token.candidate_log_prob},
          {"candidate_rank", token.candidate_rank}};
}

const char* name(compare::GroupKind group) {
  switch (group) {
    case compare::GroupKind::tensor:
      return "tensor";
    case compare::GroupKind::layer:
      return "layer";
    case compare::GroupKind::kind:
      return "kind";
    case compare::GroupKind::together:
      return "together";
  }
  return "";
}

Json to_json(const compare::Attribution& attribution) {
  return {{"group", name(attribution.group)}, {"name", attribution.name},     {"tensors", attribution.tensors},
          {"estimate", attribution.estimate}, {"margin", attribution.margin}, {"flips_back", attribution.flips_back}};
}

Json to_json(const compare::Culprit& culprit) {
  return {{"group", name(culprit.group)},
          {"name", culprit.name},
          {"tensors", culprit.tensors},
          {"kl", culprit.kl},
          {"kl_share", culprit.kl_share}};
}

Json to_json(const compare::Flip& flip);
Json to_json(const compare::CandidateResult& candidate);

template <typename Items>
Json list_of(const Items& items) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(to_json(item));
  return list;
}

Json to_json(const compare::Growth& growth) {
  return {{"reference", growth.reference},
          {"candidate", growth.candidate},
          {"massive_channels", list_of(growth.massive_channels)},
          {"verdict", growth.verdict}};
}

Json to_json(const compare::Flip& flip) {
  return {{"position", flip.position},
          {"context", flip.context},
          {"reference_token", flip.reference_token},
          {"reference_piece", flip.reference_piece},
          {"candidate_token", flip.candidate_token},
          {"candidate_piece", flip.candidate_piece},
          {"reference_margin", flip.reference_margin},
          {"candidate_margin", flip.candidate_margin},
          {"near_tie", flip.near_tie},
          {"attribution", list_of(flip.attribution)}};
}

Json to_json(const compare::CandidateResult& candidate) {
  Json json = to_json(candidate.summary);
  if (!candidate.failure.empty()) json["failure"] = candidate.failure;
  if (candidate.text) add(json, *candidate.text);
  json["taps"] = list_of(candidate.taps);
  if (!candidate.taps.empty()) json["growth"] = to_json(candidate.growth);
  if (candidate.prompt && !candidate.prompt->failure.empty()) json["prompt_failure"] = candidate.prompt->failure;
  if (candidate.prompt && candidate.prompt->failure.empty()) {
    json["top"] = list_of(candidate.prompt->top);
    json["prompt_positions"] = candidate.prompt->positions;
    json["prompt_typical_logit_error"] = candidate.prompt->typical_logit_error;
  }
  json["flips"] = candidate.prompt ? list_of(candidate.prompt->flips) : Json::array();
  if (!candidate.culprits.empty()) {
    json["culprits"] = list_of(candidate.culprits);
    json["culprits_kl"] = candidate.culprits_kl;
    json["culprits_chunks"] = candidate.culprits_chunks;
  }
  if (!candidate.positions.empty()) json["text_positions"] = list_of(candidate.positions);
  return json;
}

}  // namespace

Json to_json(const compare::Comparison& comparison) {
  Json reference = to_json(comparison.reference);
  if (comparison.reference_perplexity) add(reference, "ppl", *comparison.reference_perplexity);
  Json json = {{"version", 1}, {"engine", comparison.engine}};
  if (!comparison.text_name.empty()) {
    json["text"] = comparison.text_name;
    json["context"] = comparison.context;
    json["chunks"] = comparison.chunks;
  }
  if (!comparison.prompt.empty()) {
    json["prompt"] = comparison.prompt;
    json["continuation"] = comparison.continuation;
  }
  json["reference"] = std::move(reference);
  json["candidates"] = list_of(comparison.candidates);
  return json;
}

}  // namespace assay::report

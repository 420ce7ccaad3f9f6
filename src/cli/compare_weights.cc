#include "cli/compare_weights.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/interrupt.h"
#include "cli/model_argument.h"
#include "cli/terminal.h"
#include "compare/weights.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;
using compare::Arrangement;
using compare::WeightComparison;
using compare::WeightDifference;

compare::WeightSource open_source(const std::string& model) {
  std::error_code error;
  if (model.ends_with(".safetensors") || std::filesystem::is_directory(model, error)) {
    return compare::WeightSource::from_safetensors(model);
  }
  return compare::WeightSource(open_model_file(model));
}

const char* name(Arrangement::Kind kind) {
  switch (kind) {
    case Arrangement::Kind::same:
      return "same";
    case Arrangement::Kind::halves_to_pairs:
      return "halves_to_pairs";
    case Arrangement::Kind::pairs_to_halves:
      return "pairs_to_halves";
    case Arrangement::Kind::transposed:
      return "transposed";
    case Arrangement::Kind::renamed:
      return "renamed";
  }
  return "";
}

Json to_json(const WeightDifference& d) {
  Json blocks = Json::array();
  for (const compare::WorstBlock& block : d.worst_blocks) {
    blocks.push_back({{"index", block.index}, {"error", block.error}, {"share", block.share}});
  }
  Json first_non_finite_block;
  if (d.first_non_finite_block) first_non_finite_block = *d.first_non_finite_block;
  Json head_width;
  if (d.arrangement.head_width > 0) head_width = d.arrangement.head_width;
  return {{"name", d.name},
          {"reference_name", d.reference_name},
          {"candidate_name", d.candidate_name},
          {"reference_type", d.reference_type},
          {"candidate_type", d.candidate_type},
          {"shape", d.shape},
          {"values", d.values},
          {"relative_error", d.relative_error},
          {"sqnr_db", d.sqnr_db},
          {"max_error", d.max_error},
          {"max_at", {d.max_row, d.max_column}},
          {"rms_reference", d.rms_reference},
          {"rms_candidate", d.rms_candidate},
          {"block_values", d.block_values},
          {"worst_blocks", blocks},
          {"non_finite_reference", d.non_finite_reference},
          {"non_finite_candidate", d.non_finite_candidate},
          {"first_non_finite_block", first_non_finite_block},
          {"lost_blocks", d.lost_blocks},
          {"saturated_scales", d.saturated_scales},
          {"arrangement", name(d.arrangement.kind)},
          {"head_width", head_width},
          {"offset", d.offset},
          {"note", d.note},
          {"suspicious", d.is_suspicious}};
}

Json to_json(const std::string& model, const WeightComparison& comparison) {
  Json result = {{"model", model},
                 {"relative_error", comparison.relative_error},
                 {"missing", comparison.missing},
                 {"extra", comparison.extra},
                 {"mismatched", Json::array()},
                 {"tensors", Json::array()}};
  for (const auto& mismatch : comparison.mismatched) {
    result["mismatched"].push_back({{"name", mismatch.name}, {"reason", mismatch.reason}});
  }
  for (const WeightDifference& d : comparison.tensors) result["tensors"].push_back(to_json(d));
  return result;
}

void print_table(const std::string& model, const WeightComparison& comparison) {
  const Style& style = style_of(stdout);
  print_text(fmt::format("{}{}: {} tensors, relative error {:.4g}{}\n", style.bold, printable(model),
                         comparison.tensors.size(), comparison.relative_error, style.reset));
  std::size_t width = 4;
  for (const WeightDifference& d : comparison.tensors) width = std::max(width, printable(d.name).size());
  print_text(fmt::format("{}{:<{}}  {:<14} {:>10} {:>8} {:>11}  {}{}\n", style.dim, "tensor", width, "types",
                         "rel. error", "SQNR dB", "max error", "worst block, rms of its error", style.reset));
  for (const WeightDifference& d : comparison.tensors) {
    std::string worst;
    if (!d.worst_blocks.empty()) worst = fmt::format("{}, {:.3g}", d.worst_blocks[0].index, d.worst_blocks[0].error);
    print_text(fmt::format("{:<{}}  {:<14} {:>10.3e} {:>8.2f} {:>11.3e}  {}\n", printable(d.name), width,
                           fmt::format("{} > {}", d.reference_type, d.candidate_type), d.relative_error, d.sqnr_db,
                           d.max_error, worst));
  }
  for (const WeightDifference& d : comparison.tensors) {
    if (d.note.empty()) continue;
    print_text(
        fmt::format("{}{}: {}{}\n", d.is_suspicious ? style.red : style.green, printable(d.name), d.note, style.reset));
  }
  const auto print_faults = [&](const char* what, const std::vector<std::string>& names) {
    for (const std::string& fault : names) {
      print_text(fmt::format("{}{}: {}{}\n", style.red, printable(fault), what, style.reset));
    }
  };
  print_faults("only in the reference", comparison.missing);
  print_faults("only in the candidate", comparison.extra);
  for (const auto& mismatch : comparison.mismatched) {
    print_text(fmt::format("{}{}: {}{}\n", style.red, printable(mismatch.name), mismatch.reason, style.reset));
  }
}

}  // namespace

int compare_weight_files(const std::vector<std::string>& models, int threads, bool json) {
  const InterruptGuard guard;
  const compare::WeightSource reference = open_source(models.front());
  std::uint64_t values = 0;
  for (const auto& [name, tensor] : reference.tensors()) values += tensor.values();
  bool faults = false;
  Json candidates = Json::array();
  for (std::size_t i = 1; i < models.size(); ++i) {
    const compare::WeightSource candidate = open_source(models[i]);
    WeightComparison comparison;
    {
      Progress progress("weights", values, Progress::Unit::items);
      comparison = compare::compare_weights(reference, candidate, threads > 0 ? threads : available_threads(),
                                            [&](std::uint64_t done) {
                                              progress.update(done);
                                              guard.throw_if_interrupted();
                                            });
    }
    faults = faults || comparison.has_faults();
    if (json) {
      candidates.push_back(to_json(models[i], comparison));
    } else {
      print_table(models[i], comparison);
    }
  }
  if (json) {
    print_json({{"version", 1}, {"reference", {{"model", models.front()}}}, {"candidates", candidates}});
  }
  return faults ? 1 : 0;
}

}  // namespace assay::cli

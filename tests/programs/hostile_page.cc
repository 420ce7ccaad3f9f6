// hostile_page FILE: the page of an invented comparison, every string of which tries to be markup.
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "report/comparison_page.h"

namespace {

using namespace assay;

constexpr std::size_t kContext = 8;
constexpr int kLayers = 40;

/// `mark` tells where it was shown from.
std::string hostile(const std::string& mark) {
  return fmt::format(
      "{}</script><!--<script>\"'&\xe2\x80\xa8<img src=x onerror=\"document.title='broken'\"><b class=broken>", mark);
}

compare::CandidateResult candidate(const std::string& name) {
  compare::CandidateResult result;
  result.summary = {hostile(name), hostile("architecture"), hostile("type"), 1000, 4.5};
  result.text.emplace().positions = kContext / 2;
  for (std::uint32_t i = 0; i < kContext / 2; ++i) {
    compare::TextPosition& position = result.positions.emplace_back();
    position.token = static_cast<std::int32_t>(i);
    position.position = kContext / 2 + i;
    position.kl = i == 0 ? 0.0F : 0.1F * static_cast<float>(i);
    position.candidate_top = static_cast<std::int32_t>(i);
  }
  for (int layer = 0; layer < kLayers; ++layer) {
    compare::TapDrift& tap = result.taps.emplace_back();
    tap.tap = fmt::format("blk.{}.{}", layer, hostile("tap"));
    tap.layer = layer;
    tap.operation = "linear";
    tap.weight = hostile("weight");
    tap.weight_type = hostile("weight type");
    tap.relative_error = tap.introduced = 0.01 * (1 + layer);
  }
  result.growth.verdict = {hostile("verdict")};
  compare::PromptResult& prompt = result.prompt.emplace();
  prompt.top.push_back({0, hostile("top"), 1, -1, 1, 1, -1, 1});
  compare::Flip& flip = prompt.flips.emplace_back();
  flip.context = hostile("context");
  flip.reference_piece = hostile("reference_piece");
  flip.candidate_piece = hostile("candidate_piece");
  flip.attribution.push_back({compare::GroupKind::tensor, hostile("group"), {hostile("tensor")}, 0, 1, true});
  result.culprits.push_back({compare::GroupKind::tensor, hostile("culprit"), {hostile("culprit tensor")}, 0.1, 0.5});
  return result;
}

compare::Comparison comparison() {
  compare::Comparison all;
  all.reference = {hostile("reference"), "llama", "F16", 2000, 16};
  all.reference_perplexity.emplace().mean = 10;
  all.engine = hostile("engine");
  all.text_name = hostile("text");
  all.prompt = hostile("prompt");
  all.context = kContext;
  all.chunks = 1;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(kContext); ++i) {
    all.tokens.push_back(i);
    all.pieces[i] = hostile(fmt::format("piece_{}", i));
  }
  // A character in two tokens, and one that stays incomplete.
  all.pieces[5] = "\xc3";
  all.pieces[6] = "\xa9";
  all.pieces[7] = "\xf0\x9f";
  for (int i = 0; i < 12; ++i) all.candidates.push_back(candidate(fmt::format("candidate {}", i)));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) return 2;
    report::write_page(comparison(), argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
}

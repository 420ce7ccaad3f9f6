#include "compare/verdict.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

namespace assay::compare {
namespace {

/// Growth of reference and candidate that differs by less is called the same: coarse quantization moves it by some
/// hundredths, faults by factors.
constexpr double kSameGrowth = 0.25;
/// Error that grows by less than this factor is called flat, and a peak must stand this much above the end.
constexpr double kFlat = 1.5;
/// A massive activation that changes by a smaller share is still there.
constexpr double kKeptMassive = 0.5;

std::string percent(double share) {
  const double percents = 100 * share;
  return percents >= 10 ? fmt::format("{:.0f} %", percents) : fmt::format("{:.2g} %", percents);
}

std::string fold(double factor) {
  return factor >= 9.5 ? fmt::format("{:.0f}-fold", factor) : fmt::format("{:.1f}-fold", factor);
}

std::string layer_name(const TapDrift& tap) { return fmt::format("blk.{}", tap.layer); }

/// "blk.3.ffn_out (blk.3.ffn_down.weight, Q3_K)"
std::string name_of(const TapDrift& tap) {
  if (tap.weight.empty()) return tap.tap;
  return fmt::format("{} ({}, {})", tap.tap, tap.weight, tap.weight_type);
}

/// The layers' outputs.
std::vector<const TapDrift*> residual_stream(const std::vector<TapDrift>& taps) {
  std::vector<const TapDrift*> outputs;
  for (const TapDrift& tap : taps) {
    if (tap.layer >= 0 && tap.tap == layer_name(tap) + ".out") outputs.push_back(&tap);
  }
  return outputs;
}

std::string about_growth(const Growth& growth, const TapDrift& first, const TapDrift& last) {
  const std::string from_to = fmt::format("from {} to {}", layer_name(first), layer_name(last));
  const double ratio = growth.candidate / growth.reference;
  if (std::abs(ratio - 1) < kSameGrowth) {
    return fmt::format(
        "A token's rms grows {} {}, in the reference too ({}): that is how this model works, not an error.",
        fold(growth.candidate), from_to, fold(growth.reference));
  }
  return fmt::format(
      "A token's rms grows {} {} in the candidate but {} in the reference: that is not the model's own way.",
      fold(growth.candidate), from_to, fold(growth.reference));
}

std::string about_massive_channel(const MassiveChannel& massive) {
  const std::string where = massive.first_tap == massive.last_tap
                                ? "at " + massive.first_tap
                                : fmt::format("from {} to {}", massive.first_tap, massive.last_tap);
  const bool kept = std::abs(massive.candidate / massive.value - 1) < kKeptMassive;
  return fmt::format(
      "Channel {} reaches {:.0f} at position {} of the reference, {:.0f} times the median ({}): a massive activation, "
      "part of how the model works; the candidate {} {:.0f}.",
      massive.channel, massive.value, massive.position, std::abs(massive.value) / massive.median, where,
      kept ? "keeps it with" : "loses it, with", massive.candidate);
}

std::string about_course(const std::vector<const TapDrift*>& outputs) {
  const double first = outputs.front()->relative_error;
  const double last = outputs.back()->relative_error;
  const auto peak = *std::max_element(outputs.begin(), outputs.end(), [](const TapDrift* a, const TapDrift* b) {
    return a->relative_error < b->relative_error;
  });
  const std::string ends = fmt::format("{} at {}, {} at {}", percent(first), layer_name(*outputs.front()),
                                       percent(last), layer_name(*outputs.back()));
  if (peak->relative_error > kFlat * last) {
    return fmt::format("The error of the residual stream peaks with {} at {} and is washed out after it ({}).",
                       percent(peak->relative_error), layer_name(*peak), ends);
  }
  if (last <= kFlat * first) {
    return fmt::format("The error of the residual stream stays flat ({}): it does not accumulate.", ends);
  }
  const auto half = *std::find_if(outputs.begin(), outputs.end(),
                                  [&](const TapDrift* tap) { return tap->relative_error >= last / 2; });
  // Independent errors of equal size add like the root of their number.
  const double independent = std::sqrt(static_cast<double>(outputs.size()));
  const bool faster = last > kFlat * independent * first;
  return fmt::format(
      "The error of the residual stream accumulates ({}), {} than independent errors would ({}); half "
      "of it is there at {}.",
      ends, faster ? "faster" : "no faster", fold(independent), layer_name(*half));
}

/// Which kinds of step introduce most, over the layers: "v 6.9 %, ffn_out 6.7 %, ffn_up 6.1 %". Empty when no layer
/// introduces any.
std::string worst_kinds(const std::vector<TapDrift>& taps) {
  constexpr std::size_t kNamed = 3;
  struct Kind {
    std::string name;
    double squares = 0;
    std::size_t count = 0;
    double mean() const { return std::sqrt(squares / static_cast<double>(count)); }
  };
  std::vector<Kind> kinds;
  for (const TapDrift& tap : taps) {
    if (tap.layer < 0 || tap.introduced == 0) continue;
    const std::string name = tap.tap.substr(layer_name(tap).size() + 1);
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.name == name; });
    if (kind == kinds.end()) kind = kinds.insert(kind, {name});
    kind->squares += tap.introduced * tap.introduced;
    ++kind->count;
  }
  std::stable_sort(kinds.begin(), kinds.end(), [](const Kind& a, const Kind& b) { return a.mean() > b.mean(); });
  std::string list;
  for (std::size_t i = 0; i < std::min(kinds.size(), kNamed); ++i) {
    list += fmt::format("{}{} {}", i == 0 ? "" : ", ", kinds[i].name, percent(kinds[i].mean()));
  }
  return list;
}

void describe_drift(const std::vector<TapDrift>& taps, std::vector<std::string>& sentences) {
  const auto by_introduced = [](const TapDrift& a, const TapDrift& b) { return a.introduced < b.introduced; };
  const TapDrift& worst = *std::max_element(taps.begin(), taps.end(), by_introduced);
  if (worst.introduced == 0) {
    sentences.emplace_back("No step introduces an error: the candidate computes the reference's values.");
    return;
  }
  const auto sources = std::count_if(taps.begin(), taps.end(), [](const TapDrift& tap) { return tap.introduced > 0; });
  std::string introduced =
      fmt::format("The largest error is introduced at {}: {}", name_of(worst), percent(worst.introduced));
  const std::string kinds = worst_kinds(taps);
  if (sources == 1) {
    introduced += "; no other step introduces any.";
  } else if (kinds.empty()) {
    introduced += "; the layers introduce none.";
  } else {
    introduced += fmt::format("; over the layers most comes from {}.", kinds);
  }
  sentences.push_back(introduced);
  const auto lost = std::find_if(taps.begin(), taps.end(), [](const TapDrift& tap) { return tap.relative_error >= 1; });
  const std::vector<const TapDrift*> outputs = residual_stream(taps);
  if (lost != taps.end()) {
    sentences.push_back(
        fmt::format("From {} on the error is as large as the values: the candidate computes something "
                    "else.",
                    name_of(*lost)));
  } else if (outputs.size() > 1 && outputs.back()->relative_error > 0) {
    sentences.push_back(about_course(outputs));
  }
  const TapDrift& end = taps.back();
  sentences.push_back(
      fmt::format("At {} the error is {} (cosine {:.6f}).", end.tap, percent(end.relative_error), end.cosine));
}

}  // namespace

std::vector<std::string> verdict(const std::vector<TapDrift>& taps, const Growth& growth,
                                 const std::vector<std::string>& parameter_differences) {
  std::vector<std::string> sentences;
  if (taps.empty()) return sentences;
  if (!parameter_differences.empty()) {
    sentences.push_back(fmt::format("The files disagree beyond their tensors: {}{}.", parameter_differences.front(),
                                    parameter_differences.size() == 1
                                        ? ""
                                        : fmt::format(" (and at {} more steps)", parameter_differences.size() - 1)));
  }
  const auto broken =
      std::find_if(taps.begin(), taps.end(), [](const TapDrift& tap) { return !std::isfinite(tap.relative_error); });
  if (broken != taps.end()) {
    sentences.push_back(
        fmt::format("Values are not finite from {} on: a fault, not a matter of precision.", name_of(*broken)));
    return sentences;
  }
  const std::vector<const TapDrift*> outputs = residual_stream(taps);
  if (outputs.size() > 1 && growth.reference > 0) {
    sentences.push_back(about_growth(growth, *outputs.front(), *outputs.back()));
  }
  for (const MassiveChannel& massive : growth.massive_channels) sentences.push_back(about_massive_channel(massive));
  describe_drift(taps, sentences);
  return sentences;
}

}  // namespace assay::compare

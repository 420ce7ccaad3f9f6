#include "report/diagnosis_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "diagnose/rounding.h"

namespace assay::report {
namespace {

using diagnose::Finding;

constexpr std::string_view kBlock = "blk.";
// More names than that in one place are counted, not listed.
constexpr std::size_t kNames = 4;

struct Place {
  std::size_t layer;
  std::size_t begin;  // of its digits in the text
  std::size_t end;
};

/// The first layer that the text names.
std::optional<Place> find_layer(std::string_view text, std::size_t from = 0) {
  for (std::size_t at = text.find(kBlock, from); at != std::string_view::npos; at = text.find(kBlock, at + 1)) {
    const std::size_t begin = at + kBlock.size();
    std::size_t layer = 0;
    const auto [end, error] = std::from_chars(text.data() + begin, text.data() + text.size(), layer);
    if (error == std::errc() && end != text.data() + text.size() && *end == '.') {
      return Place{layer, begin, static_cast<std::size_t>(end - text.data())};
    }
  }
  return std::nullopt;
}

/// "0-3,7"
std::string ranges(const std::set<std::size_t>& layers) {
  std::string text;
  for (auto first = layers.begin(); first != layers.end();) {
    auto last = first;
    while (std::next(last) != layers.end() && *std::next(last) == *last + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", *first);
    if (last != first) text += fmt::format("{}{}", *last == *first + 1 ? "," : "-", *last);
    first = std::next(last);
  }
  return text;
}

/// "q, k and v"
std::string listed(const std::vector<std::string>& names) {
  if (names.size() > kNames) {
    return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + (kNames - 1), ", "),
                       names.size() - (kNames - 1));
  }
  if (names.size() == 1) return names.front();
  return fmt::format("{} and {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

/// Where an arithmetic, or the fault that it is, stands from the finest to the coarsest; nothing for others.
std::optional<std::size_t> coarseness(std::string_view name) {
  constexpr std::array<std::string_view, 6> kArithmetics = {"f64", "f32", "f16", "q8", "bf16", "f16acc"};
  const auto found = std::find(kArithmetics.begin(), kArithmetics.end(), diagnose::arithmetic_of(name));
  if (found == kArithmetics.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kArithmetics.begin());
}

}  // namespace

std::string join_taps(const std::vector<std::string>& taps, std::size_t layers) {
  // Names with the layers that have them, then those with the same layers together; all in the order of the taps.
  std::vector<std::pair<std::string, std::set<std::size_t>>> by_name;
  for (const std::string& tap : taps) {
    const auto place = tap.rfind(kBlock, 0) == 0 ? find_layer(tap) : std::nullopt;
    const std::string name = place ? tap.substr(place->end + 1) : tap;
    auto found = std::find_if(by_name.begin(), by_name.end(), [&](const auto& one) {
      return one.first == name && one.second.empty() == !place.has_value();
    });
    if (found == by_name.end()) found = by_name.insert(by_name.end(), {name, {}});
    if (place) found->second.insert(place->layer);
  }
  std::vector<std::pair<std::vector<std::string>, std::set<std::size_t>>> groups;
  for (auto& [name, own] : by_name) {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&own = own](const auto& group) { return !own.empty() && group.second == own; });
    if (found != groups.end()) {
      found->first.push_back(name);
    } else {
      groups.push_back({{name}, own});
    }
  }
  std::vector<std::string> places;
  for (const auto& [names, own] : groups) {
    std::string place = own.empty() ? names.front() : fmt::format("blk.{}.{}", ranges(own), listed(names));
    if (own.size() > 1 && own.size() == layers) place += fmt::format(" (all {} layers)", layers);
    places.push_back(std::move(place));
  }
  if (places.size() > kNames) {
    const std::size_t hidden = places.size() - (kNames - 1);
    places.resize(kNames - 1);
    return fmt::format("{} and {} more", fmt::join(places, ", "), hidden);
  }
  return fmt::format("{}", fmt::join(places, ", "));
}

std::vector<std::string> join_sentences(const std::vector<std::string>& sentences) {
  std::vector<std::string> patterns;                    // in order
  std::map<std::string, std::set<std::size_t>> layers;  // by pattern
  for (const std::string& sentence : sentences) {
    std::string pattern;
    std::set<std::size_t> own;
    std::size_t at = 0;
    while (const auto place = find_layer(sentence, at)) {
      pattern += sentence.substr(at, place->begin - at) + '\0';
      own.insert(place->layer);
      at = place->end;
    }
    pattern += sentence.substr(at);
    // A sentence about several layers says something else of each.
    if (own.size() > 1) {
      pattern = sentence;
      own.clear();
    }
    if (layers.count(pattern) == 0) patterns.push_back(pattern);
    layers[pattern].insert(own.begin(), own.end());
  }
  for (std::string& pattern : patterns) {
    const std::string text = ranges(layers.at(pattern));
    for (std::size_t at = 0; (at = pattern.find('\0', at)) != std::string::npos; at += text.size()) {
      pattern.replace(at, 1, text);
    }
  }
  return patterns;
}

bool is_coarser(std::string_view name, const diagnose::Verdict& verdict) {
  const auto own = coarseness(name);
  const auto most = coarseness(verdict.arithmetic.empty() ? "f32" : verdict.arithmetic);
  return !own || !most || *own > *most;
}

std::vector<CoarseSteps> coarse_steps(const diagnose::Verdict& verdict) {
  std::vector<CoarseSteps> all;
  for (const diagnose::StepReport& step : verdict.steps) {
    if (step.outcome != diagnose::StepReport::Outcome::healthy || step.arithmetic.empty()) continue;
    if (!is_coarser(step.arithmetic, verdict)) continue;
    auto own =
        std::find_if(all.begin(), all.end(), [&](const CoarseSteps& one) { return one.arithmetic == step.arithmetic; });
    if (own == all.end()) own = all.insert(all.end(), {step.arithmetic, {}});
    own->taps.push_back(step.tap);
    if (step.residual < own->residual) continue;
    own->residual = step.residual;
    own->expected = step.expected;
  }
  return all;
}

std::string_view quantity(const Finding& finding) {
  if (finding.operation == "tokens") return "share of the ids that differ";
  if (finding.operation == "sampler") return "logits short of the largest";
  if (finding.observed == "ids") return "bits of surprise an id";
  return "residual";
}

}  // namespace assay::report

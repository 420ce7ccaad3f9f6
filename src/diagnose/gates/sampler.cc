#include "diagnose/gates/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace assay::diagnose {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Logit {
  double value;
  double resolution;  // the true one lies within value +- this
};

/// What is known of one row of logits.
struct KnownRow {
  std::vector<std::pair<std::size_t, Logit>> logits;  // by channel, ascending
  double others = kInfinity;                          // no other channel has more; -inf: there is none
  bool is_finite = true;

  const Logit* find(std::size_t channel) const {
    const auto found = std::lower_bound(logits.begin(), logits.end(), channel,
                                        [](const auto& entry, std::size_t wanted) { return entry.first < wanted; });
    return found == logits.end() || found->first != channel ? nullptr : &found->second;
  }
  const std::pair<std::size_t, Logit>& largest() const {
    return *std::max_element(logits.begin(), logits.end(),
                             [](const auto& a, const auto& b) { return a.second.value < b.second.value; });
  }
};

/// Half a unit in the last place, relative, of a dump that has fewer digits than the logits it was made of.
double storage_error(gguf::Dtype dtype) {
  if (dtype == gguf::Dtype::f16) return 0x1p-11;
  return dtype == gguf::Dtype::bf16 ? 0x1p-8 : 0;
}

std::optional<KnownRow> known_row(const trace::ForeignTap& logits, std::size_t row) {
  KnownRow known;
  const auto place = std::find(logits.rows.begin(), logits.rows.end(), row);
  if (!logits.values.empty() && place != logits.rows.end()) {
    const double* values =
        logits.values.data() + static_cast<std::size_t>(place - logits.rows.begin()) * logits.channels;
    for (std::size_t c = 0; c < logits.channels; ++c) {
      known.logits.push_back({c, {values[c], std::abs(values[c]) * storage_error(logits.dtype)}});
    }
    known.others = -kInfinity;
  } else {
    double least_top = kInfinity;
    for (const trace::Fact& fact : logits.facts) {
      const bool is_top = fact.kind == trace::FactKind::top;
      if (fact.row != row || (!is_top && fact.kind != trace::FactKind::value)) continue;
      known.logits.push_back({fact.channel, {fact.value, fact.resolution}});
      if (is_top) least_top = std::min(least_top, fact.value + fact.resolution);
    }
    std::sort(known.logits.begin(), known.logits.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    known.others = least_top;
  }
  if (known.logits.empty()) return std::nullopt;
  // -inf is how engines rule an id out.
  known.is_finite = std::none_of(known.logits.begin(), known.logits.end(), [](const auto& entry) {
    return std::isnan(entry.second.value) || entry.second.value == kInfinity;
  });
  return known;
}

/// By how much an id falls short of the largest logit; 0 where it may be the largest itself.
double shortfall(const KnownRow& row, std::size_t chosen) {
  const Logit largest = row.largest().second;
  const Logit* own = row.find(chosen);
  const double most = own != nullptr ? own->value + own->resolution : row.others;
  const double least = largest.value - largest.resolution;
  if (most >= least) return 0;
  return largest.value - (own != nullptr ? own->value : row.others);
}

struct Choice {
  std::size_t row;  // whose logits it was chosen by
  std::int32_t id;
};

std::vector<Choice> choices(const trace::ForeignTrace& trace) {
  std::vector<Choice> all;
  if (trace.prompt_tokens == 0) return all;
  const std::size_t first = trace.prompt_tokens - 1;
  if (!trace.generated.empty()) {
    for (std::size_t i = 0; i < trace.generated.size(); ++i) all.push_back({first + i, trace.generated[i]});
    return all;
  }
  if (trace.is_prescribed) return all;
  for (std::size_t row = first; row + 1 < trace.tokens.size(); ++row) all.push_back({row, trace.tokens[row + 1]});
  return all;
}

class SamplerGate {
 public:
  explicit SamplerGate(const trace::ForeignTrace& trace) : trace_(trace), logits_(trace.find("logits")) {}

  GateReport run() {
    if (logits_ == nullptr) return {};
    std::size_t judged = 0;
    for (const Choice& choice : choices(trace_)) {
      const std::optional<KnownRow> row = known_row(*logits_, choice.row);
      if (!row || choice.id < 0) continue;
      if (!row->is_finite) {
        report_.notes.push_back(fmt::format("logits of token {} are not finite: they have no largest", choice.row));
        continue;
      }
      ++judged;
      const double margin = shortfall(*row, static_cast<std::size_t>(choice.id));
      if (margin > 0) wrong_.push_back({choice, margin});
      clear_ += is_only_largest(*row, choice.id) ? 1 : 0;
    }
    if (!wrong_.empty()) say(judged);
    return std::move(report_);
  }

 private:
  struct Wrong {
    Choice choice;
    double margin;
  };

  void say(std::size_t judged) {
    const Wrong& worst = *std::max_element(wrong_.begin(), wrong_.end(),
                                           [](const Wrong& a, const Wrong& b) { return a.margin < b.margin; });
    Finding finding;
    finding.taps = {"sampler"};
    finding.operation = "sampler";
    finding.fault = "not_greedy";
    finding.claim = "does not choose the largest of its own logits; if it samples on purpose, that is no mistake";
    finding.remedy = "Compare with temperature 0 and without penalties.";
    finding.sources = "llama-farm/llamafarm#818 ggml-org/llama.cpp#26754";
    finding.residual_before = finding.residual_after = worst.margin;
    finding.confidence = 0.7;
    explain(finding);
    // Ids behind the prompt need not be chosen ones: whoever compares two engines feeds both the same.
    if (trace_.generated.empty() && clear_ < wrong_.size()) {
      report_.notes.push_back(
          fmt::format("{} of {} ids behind the prompt are not the largest of the logits before them; taken as "
                      "prescribed, not chosen (if they were chosen, say so with `generated`)",
                      wrong_.size(), judged));
      return;
    }
    const std::pair<std::size_t, Logit> largest = known_row(*logits_, worst.choice.row)->largest();
    finding.fingerprint =
        fmt::format("{} of {} ids; most behind token {}: id {}, {:.6g} below id {} with {:.6g}", wrong_.size(), judged,
                    worst.choice.row, worst.choice.id, worst.margin, largest.first, largest.second.value);
    report_.findings.push_back(std::move(finding));
  }

  void explain(Finding& finding) const {
    for (const int offset : {-1, 1}) {
      if (!are_largest_of(offset)) continue;
      finding.parameters = {{"rule", "other_row"}, {"offset", fmt::format("{:+d}", offset)}};
      finding.claim = fmt::format("chooses by the logits of the token {}", offset < 0 ? "before" : "after");
      finding.remedy = "The logits of the last token of a batch choose the next id.";
      finding.sources = "utensils/mold#1690 AI-Hypercomputer/maxtext#2103";
      finding.confidence = wrong_.size() > 1 ? 0.9 : 0.6;
      finding.residual_after = 0;
      return;
    }
    if (!are_penalized()) return;
    finding.parameters = {{"rule", "repetition_penalty"}};
    finding.claim =
        "chooses the largest logit among ids that did not occur before: a repetition penalty at work, which is no "
        "mistake if it is wanted";
    finding.remedy = "Switch penalties off (repetition 1, presence and frequency 0, no DRY).";
    finding.sources = "ggml-org/llama.cpp#26754 timtoole02/Camelid#534";
    finding.confidence = wrong_.size() > 1 ? 0.8 : 0.5;
    finding.residual_after = 0;
  }

  /// One of several equal ones may be anybody's choice.
  static bool is_only_largest(const KnownRow& row, std::int32_t id) {
    const Logit* own = row.find(static_cast<std::size_t>(id));
    if (own == nullptr || row.others >= own->value) return false;
    return std::count_if(row.logits.begin(), row.logits.end(),
                         [&](const auto& entry) { return entry.second.value >= own->value; }) == 1;
  }

  bool are_largest_of(int offset) const {
    return std::all_of(wrong_.begin(), wrong_.end(), [&](const Wrong& wrong) {
      if (offset < 0 && wrong.choice.row == 0) return false;
      const auto row = known_row(*logits_, wrong.choice.row + static_cast<std::size_t>(offset));
      return row && row->is_finite && is_only_largest(*row, wrong.choice.id);
    });
  }

  /// Whether every id with a larger logit had occurred, so that a penalty can have put it behind the chosen one.
  bool are_penalized() const {
    return std::all_of(wrong_.begin(), wrong_.end(), [&](const Wrong& wrong) {
      const auto row = known_row(*logits_, wrong.choice.row);
      const Logit* own = row->find(static_cast<std::size_t>(wrong.choice.id));
      if (own == nullptr || row->others > own->value + own->resolution) return false;
      return std::all_of(row->logits.begin(), row->logits.end(), [&](const auto& entry) {
        return entry.second.value <= own->value || occurred(static_cast<std::int32_t>(entry.first), wrong.choice.row);
      });
    });
  }

  bool occurred(std::int32_t id, std::size_t until) const {
    const auto in = [&](const std::vector<std::int32_t>& ids, std::size_t count) {
      const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size()));
      return std::find(ids.begin(), end, id) != end;
    };
    // Row r is chosen by behind tokens 0 to r, the generated ones among them.
    return in(trace_.tokens, until + 1) || in(trace_.generated, until + 1 - trace_.prompt_tokens);
  }

  const trace::ForeignTrace& trace_;
  const trace::ForeignTap* logits_;
  std::vector<Wrong> wrong_;
  std::size_t clear_ = 0;  // chosen ids that alone are the largest
  GateReport report_;
};

}  // namespace

GateReport check_sampler(const trace::ForeignTrace& trace) { return SamplerGate(trace).run(); }

}  // namespace assay::diagnose

#include "report/diagnosis_text.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "report/diagnosis_words.h"
#include "report/wrap.h"

namespace assay::report {
namespace {

using diagnose::Finding;
using diagnose::StepReport;
using diagnose::VerdictKind;

constexpr std::size_t kLongest = 2000;  // characters of one remark, which may come from a file
constexpr std::size_t kLabel = 11;

class Text {
 public:
  Text(const diagnose::Verdict& verdict, std::size_t columns, const Style& style)
      : verdict_(verdict), columns_(columns), style_(style), layers_(verdict.layers) {}

  std::string text() {
    headline();
    std::size_t number = 0;
    for (const Finding& finding : verdict_.findings) {
      if (is_sure_mistake(finding)) describe(finding, ++number);
    }
    list("Suspected, not decided", select([](const Finding& finding) {
           return finding.fault_class == diagnose::FaultClass::mistake && !is_sure_mistake(finding);
         }),
         number);
    lesser_precision();
    undecided_steps();
    remarks("What would decide more", verdict_.needed);
    remarks("About the dump", verdict_.notes);
    return std::move(text_);
  }

 private:
  std::size_t count(StepReport::Outcome outcome) const {
    return static_cast<std::size_t>(std::count_if(verdict_.steps.begin(), verdict_.steps.end(),
                                                  [&](const StepReport& step) { return step.outcome == outcome; }));
  }

  std::string bold(std::string_view text) const { return fmt::format("{}{}{}", style_.bold, text, style_.reset); }

  void headline() {
    const auto mistakes = static_cast<std::size_t>(
        std::count_if(verdict_.findings.begin(), verdict_.findings.end(), diagnose::is_sure_mistake));
    std::string word;
    std::string rest;
    switch (verdict_.kind) {
      case VerdictKind::fault:
        word = fmt::format("{}{} mistake{}{}", style_.red, mistakes, mistakes == 1 ? "" : "s", style_.reset);
        break;
      case VerdictKind::rounding:
        word = fmt::format("{}no mistake{}", style_.green, style_.reset);
        rest = ": nothing but rounding";
        break;
      case VerdictKind::undecided:
        word = fmt::format("{}undecided{}", style_.yellow, style_.reset);
        rest = ": what was given does not decide it";
        break;
    }
    text_ += wrapped("", word + rest + judged_steps(rest.empty() ? ": " : "; "), 0, columns_);
  }

  /// "80 of 93 steps are right on the inputs they had, in f32"
  std::string judged_steps(std::string_view before) const {
    if (verdict_.acquitted.empty()) return "";
    const std::size_t all = verdict_.steps.size();
    const std::size_t absent = count(StepReport::Outcome::not_given);
    std::string text =
        verdict_.acquitted.size() == all
            ? fmt::format("{}all {} steps are right on the inputs they had", before, all)
            : fmt::format("{}{} of {} steps are right on the inputs they had", before, verdict_.acquitted.size(), all);
    if (!verdict_.arithmetic.empty()) text += fmt::format(", in {}", verdict_.arithmetic);
    if (absent > 0) text += fmt::format("; {} were not given", absent);
    return text;
  }

  void describe(const Finding& finding, std::size_t number) {
    const std::string first = fmt::format("{}. ", number);
    text_ += "\n";
    text_ += wrapped(first, fmt::format("{}: {}", bold(clean(join_taps(finding.taps, layers_))), clean(finding.claim)),
                     first.size(), columns_);
    field("change", finding.remedy);
    field("evidence", evidence(finding));
    if (!finding.observed.empty()) field("seen at", finding.observed);
    field("looks like", finding.fingerprint);
    field("or else", fmt::format("{}", fmt::join(finding.ties, ", ")));
    std::string name = finding.fault;
    for (const diagnose::Parameter& parameter : finding.parameters) {
      name += fmt::format(" {}={}", parameter.name, parameter.value);
    }
    for (const diagnose::Parameter& parameter : finding.prescribed) {
      name += fmt::format(" (the model's {} is {})", parameter.name, parameter.value);
    }
    field("name", fmt::format("{}, confidence {:.2f}", name, finding.confidence));
    field("known from", finding.sources);
  }

  static std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.2g}", value) : "not finite"; }

  static std::string evidence(const Finding& finding) {
    std::string text = fmt::format("{} {}", quantity(finding), number(finding.residual_before));
    if (finding.residual_after < finding.residual_before || !std::isfinite(finding.residual_before)) {
      text += fmt::format(" -> {} with it made on purpose", number(finding.residual_after));
    }
    if (finding.expected > 0) text += fmt::format("; rounding explains {}", number(finding.expected));
    return text;
  }

  void list(std::string_view title, const std::vector<const Finding*>& findings, std::size_t& number) {
    if (findings.empty()) return;
    heading(title);
    for (const Finding* finding : findings) describe(*finding, ++number);
  }

  template <typename Predicate>
  std::vector<const Finding*> select(Predicate predicate) const {
    std::vector<const Finding*> findings;
    for (const Finding& finding : verdict_.findings) {
      if (predicate(finding)) findings.push_back(&finding);
    }
    return findings;
  }

  /// One line for each way of rounding that is coarser than what the engine computes in anyway.
  void lesser_precision() {
    const std::vector<CoarseSteps> coarse = coarse_steps(verdict_);
    const std::vector<const Finding*> found = select([&](const Finding& finding) {
      return finding.fault_class == diagnose::FaultClass::rounding && is_coarser(finding.fault, verdict_);
    });
    if (coarse.empty() && found.empty()) return;
    heading("Less precise than the rest, which is no mistake");
    for (const CoarseSteps& steps : coarse) {
      text_ += wrapped(
          "  ",
          fmt::format("{}: in {}; residual up to {}, where that explains {}", bold(join_taps(steps.taps, layers_)),
                      steps.arithmetic, number(steps.residual), number(steps.expected)),
          4, columns_);
    }
    for (const Finding* finding : found) {
      text_ += wrapped(
          "  ",
          fmt::format("{}: {} ({}), {} {}; {}", bold(clean(join_taps(finding->taps, layers_))), clean(finding->claim),
                      finding->fault, quantity(*finding), number(finding->residual_before), clean(finding->remedy)),
          4, columns_);
    }
  }

  void undecided_steps() {
    std::vector<std::string> taps;
    for (const StepReport& step : verdict_.steps) {
      if (step.outcome == StepReport::Outcome::undecided) taps.push_back(step.tap);
    }
    if (taps.empty()) return;
    heading("Not decided");
    text_ += wrapped(
        "  ", fmt::format("{}: what they read is not known well enough to judge them", bold(join_taps(taps, layers_))),
        4, columns_);
  }

  void remarks(std::string_view title, const std::vector<std::string>& sentences) {
    if (sentences.empty()) return;
    heading(title);
    for (const std::string& sentence : join_sentences(sentences)) {
      text_ += wrapped("  - ", clean(sentence), 4, columns_);
    }
  }

  void heading(std::string_view title) { text_ += fmt::format("\n{}{}{}\n", style_.cyan, title, style_.reset); }

  void field(std::string_view label, std::string_view value) {
    if (value.empty()) return;
    const std::string first = fmt::format("   {}{:<{}}{}", style_.dim, label, kLabel, style_.reset);
    text_ += wrapped(first, clean(value), 3 + kLabel, columns_);
  }

  static std::string clean(std::string_view text) { return printable(text, kLongest); }

  const diagnose::Verdict& verdict_;
  std::size_t columns_;
  const Style& style_;
  std::size_t layers_;
  std::string text_;
};

}  // namespace

std::string to_text(const diagnose::Verdict& verdict, std::size_t columns, const Style& style) {
  return Text(verdict, columns, style).text();
}

}  // namespace assay::report

#include "report/diagnosis_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace assay::report {
namespace {

using diagnose::Finding;

std::string places(const std::vector<std::string>& taps) {
  constexpr std::size_t kNamed = 3;
  if (taps.size() <= kNamed) return fmt::format("{}", fmt::join(taps, ", "));
  return fmt::format("{}, {}, ... {} ({} steps)", taps[0], taps[1], taps.back(), taps.size());
}

std::string to_text(const Finding& finding, std::size_t number) {
  std::string text = fmt::format("{}. {}: {}", number, places(finding.taps), finding.fault);
  for (const diagnose::Parameter& parameter : finding.parameters) {
    text += fmt::format(" {}={}", parameter.name, parameter.value);
  }
  text += fmt::format("\n   {}\n", finding.claim);
  if (finding.fault == "unknown") {
    text += fmt::format("   evidence   residual {:.2g}, where rounding explains {:.2g}\n", finding.residual_before,
                        finding.expected);
  } else {
    text += fmt::format(
        "   evidence   residual {:.2g} -> {:.2g} with this fault in the exact engine (rounding explains {:.2g})\n",
        finding.residual_before, finding.residual_after, finding.expected);
  }
  if (!finding.observed.empty()) text += fmt::format("   seen at    {}\n", finding.observed);
  if (!finding.fingerprint.empty()) text += fmt::format("   looks like {}\n", finding.fingerprint);
  if (!finding.ties.empty()) text += fmt::format("   as well    {}\n", fmt::join(finding.ties, ", "));
  if (!finding.remedy.empty()) text += fmt::format("   change     {}\n", finding.remedy);
  if (!finding.sources.empty()) text += fmt::format("   seen in    {}\n", finding.sources);
  return text + fmt::format("   confidence {:.2f}\n", finding.confidence);
}

std::string headline(const diagnose::Verdict& verdict) {
  const auto mistakes = std::count_if(verdict.findings.begin(), verdict.findings.end(), [](const Finding& finding) {
    return finding.fault_class == diagnose::FaultClass::mistake;
  });
  switch (verdict.kind) {
    case diagnose::VerdictKind::fault:
      return fmt::format("FAULT: {} mistake{} found\n", mistakes, mistakes == 1 ? "" : "s");
    case diagnose::VerdictKind::rounding:
      return "no fault: nothing but rounding\n";
    case diagnose::VerdictKind::undecided:
      return "UNDECIDED: what was given does not decide it\n";
  }
  return "";
}

}  // namespace

std::string to_text(const diagnose::Verdict& verdict) {
  std::string text = headline(verdict);
  std::size_t number = 0;
  for (const Finding& finding : verdict.findings) text += "\n" + to_text(finding, ++number);
  if (!verdict.acquitted.empty()) {
    text += fmt::format("\n{} of {} steps are right on the inputs they had", verdict.acquitted.size(),
                        verdict.steps.size());
    text += verdict.arithmetic.empty() ? "\n" : fmt::format("; most products are in {}\n", verdict.arithmetic);
  }
  for (const std::string& needed : verdict.needed) text += fmt::format("needed: {}\n", needed);
  for (const std::string& note : verdict.notes) text += fmt::format("note: {}\n", printable(note, 400));
  return text;
}

}  // namespace assay::report

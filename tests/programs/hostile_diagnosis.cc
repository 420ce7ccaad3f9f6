// hostile_diagnosis FILE: the page of an invented diagnosis, every string of which tries to be markup.
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "report/diagnosis_page.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a test program
using Outcome = diagnose::StepReport::Outcome;

constexpr int kLayers = 48;

/// `mark` tells where it was shown from.
std::string hostile(const std::string& mark) {
  return fmt::format(
      "{}</script><!--<script>\"'&\xe2\x80\xa8<img src=x onerror=\"document.title='broken'\"><b class=broken>\xff",
      mark);
}

model::Plan plan() {
  model::Plan plan;
  const auto add = [&](const std::string& tap) {
    const auto id = static_cast<model::ValueId>(plan.values.size());
    plan.values.push_back({tap, 1});
    plan.steps.push_back({model::Scale{1}, {id == 0 ? 0 : id - 1}, id});
  };
  add(hostile("before"));
  for (int layer = 0; layer < kLayers; ++layer) {
    for (const char* kind : {"first", "second"}) add(fmt::format("blk.{}.{}", layer, hostile(kind)));
  }
  add(hostile("after"));
  return plan;
}

diagnose::Finding finding(const std::string& tap, double confidence) {
  diagnose::Finding finding;
  finding.taps = {tap, hostile("tap")};
  finding.observed = hostile("observed");
  finding.operation = hostile("operation");
  finding.fault = hostile("fault");
  finding.parameters = {{hostile("name"), hostile("value")}};
  finding.prescribed = {{hostile("name"), hostile("right")}};
  finding.claim = hostile("claim");
  finding.remedy = "`" + hostile("remedy") + "`";
  finding.sources = "javascript:alert(1) \"onclick=x/y#1 owner/repo#12 ../..#3 " + hostile("sources");
  finding.fingerprint = hostile("fingerprint");
  finding.residual_before = confidence > 0.5 ? INFINITY : 1e300;
  finding.residual_after = confidence > 0.5 ? 0 : 1e-300;
  finding.expected = 1e-3;
  finding.confidence = confidence;
  finding.ties = {hostile("tie")};
  return finding;
}

diagnose::Verdict verdict(const model::Plan& plan) {
  diagnose::Verdict verdict;
  verdict.kind = diagnose::VerdictKind::fault;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto outcome = static_cast<Outcome>(i % 5);
    verdict.steps.push_back({i, plan.values[i].tap, hostile("step"), outcome, NAN, 1e-3, hostile("arithmetic")});
    verdict.acquitted.push_back(plan.values[i].tap);
  }
  verdict.findings = {finding(plan.values[1].tap, 0.9), finding(plan.values[3].tap, 0.1)};
  verdict.findings.push_back(finding(plan.values[6].tap, 0.5));
  verdict.findings.back().fault_class = diagnose::FaultClass::rounding;
  verdict.needed = {hostile("needed")};
  verdict.notes = {hostile("note")};
  verdict.arithmetic = hostile("most");
  return verdict;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) return 2;
    const model::Plan made = plan();
    const report::DiagnosisSubject subject = {{hostile("model"), hostile("architecture"), hostile("type")},
                                              &made,
                                              hostile("trace"),
                                              hostile("format"),
                                              3,
                                              hostile("prompt")};
    report::write_page(verdict(made), subject, argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return 1;
  }
}

// A diagnosis as one self-contained HTML page (page.h).
//
// Data: what diagnosis_json.h gives, with sentences joined that differ in their layer alone, and
//   "model"             {"model", "architecture", "file_type"}
//   "trace", "format"   the dump's file, and what it is
//   "tokens", "prompt"  how many ids, and the text where it was given
//   "plan"              all steps of the model: tap, operation, reads (taps), weight and weight_type
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "compare/comparison.h"
#include "diagnose/verdict.h"
#include "model/plan.h"

namespace assay::report {

/// What was diagnosed.
struct DiagnosisSubject {
  compare::ModelSummary model;
  const model::Plan* plan = nullptr;
  std::string trace;
  std::string format;
  std::size_t tokens = 0;
  std::optional<std::string> prompt;
};

std::string to_page(const diagnose::Verdict& verdict, const DiagnosisSubject& subject);

/// Throws Error{io}; the file appears whole or not at all.
void write_page(const diagnose::Verdict& verdict, const DiagnosisSubject& subject, const std::filesystem::path& path);

}  // namespace assay::report

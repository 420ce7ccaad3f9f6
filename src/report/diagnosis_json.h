// A diagnosis as JSON: docs/json.md describes it.
#pragma once

#include <nlohmann/json.hpp>

#include "diagnose/verdict.h"

namespace assay::report {

nlohmann::ordered_json to_json(const diagnose::Verdict& verdict);

}  // namespace assay::report

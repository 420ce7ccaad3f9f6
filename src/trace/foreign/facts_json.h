// What somebody copied out of his debugger, as JSON: tokens, single values, statistics, logits. docs/json.md describes
// it under "Facts of another engine".
#pragma once

#include <string>
#include <string_view>

#include "model/plan.h"
#include "trace/foreign/foreign_trace.h"
#include "trace/foreign/names.h"

namespace assay::trace {

/// Adds what the text says to the trace. A number is known as well as it is printed: numbers that stand together are
/// taken to be printed alike. Where it says no tokens, those of the options have its rows. `name` stands for the path
/// in errors. Throws Error{input} that names the member.
void read_facts(const std::string& name, std::string_view text, const model::Plan& plan, const Names& names,
                const ForeignOptions& options, ForeignTrace& trace);

}  // namespace assay::trace

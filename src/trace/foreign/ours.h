// A trace file of Assay (trace/trace_file.h) as a foreign trace: its values as arrays, its statistics as facts.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "gguf/safetensors.h"
#include "trace/foreign/array.h"
#include "trace/foreign/foreign_trace.h"

namespace assay::trace {

/// The tensors of a safetensors file as arrays.
std::vector<Array> arrays_of(const std::shared_ptr<const gguf::SafetensorsFile>& file);

/// Sets tokens, format and arithmetic, adds facts, and returns the values, if there are any. Throws as Trace::open().
std::vector<Array> read_ours(const std::filesystem::path& path, const model::Plan& plan, ForeignTrace& trace);

}  // namespace assay::trace

// Dumps without names: raw float32 logits, and text, which may be llama.cpp's eval-callback, JSON of facts, or token
// ids.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trace/foreign/array.h"
#include "trace/foreign/foreign_trace.h"
#include "trace/foreign/names.h"

namespace assay::trace {

/// No zero byte at its beginning.
bool is_text(std::span<const std::byte> bytes);

/// The file as rows of the vocabulary's float32. Throws Error{input} when it is not a whole number of rows.
std::vector<Array> read_logits(const std::filesystem::path& path, const model::Plan& plan, ForeignTrace& trace);

/// Adds to the trace what the text says. Throws Error{input} when it is none of the three. `name` stands for the path.
void read_text(const std::string& name, std::string_view text, const model::Plan& plan, const Names& names,
               const ForeignOptions& options, ForeignTrace& trace);

}  // namespace assay::trace

// The text that `perplexity` and `compare` measure on, and how it is cut: --text, --ctx, --chunks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cli/command_line.h"
#include "compare/chunks.h"

namespace assay::cli {

struct TextOptions {
  std::string file;
  std::optional<std::size_t> context;
  std::optional<std::size_t> chunks;  ///< none: as many as the text fills

  std::size_t chunk_tokens() const { return context.value_or(compare::kDefaultContext); }
};

/// Declares the three; gives --text.
Option add_text_options(CommandLine& line, TextOptions& options);

/// Throws Error{io}, or Error{input} when the text is not UTF-8 or larger than a gigabyte.
std::string read_text(const TextOptions& options);

}  // namespace assay::cli

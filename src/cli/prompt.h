// The text that a command works on: -p TEXT, -f FILE, or standard input, taken byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace assay::cli {

struct PromptOptions {
  std::optional<std::string> text;
  std::string file;
};

void add_prompt_options(CLI::App& app, PromptOptions& options);

/// Throws Error{usage} when both or none is given (none: standard input is a terminal), Error{input} that names the
/// byte offset when the text is not UTF-8.
std::string read_prompt(const PromptOptions& options);

/// Throws Error{input} that names `what` and the byte offset when the text is not UTF-8.
void check_utf8(const std::string& what, const std::string& text);

}  // namespace assay::cli

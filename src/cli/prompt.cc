#include "cli/prompt.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxPromptBytes = 64 << 20;

}  // namespace

void add_prompt_options(CLI::App& app, PromptOptions& options) {
  auto* text = app.add_option("-p,--prompt", options.text, "The text");
  app.add_option("-f,--file", options.file, "A file with the text; without -p and -f standard input has it")
      ->excludes(text);
}

std::string read_prompt(const PromptOptions& options) {
  std::string text;
  std::string what = "the prompt";
  if (options.text) {
    text = *options.text;
  } else if (!options.file.empty()) {
    text = read_file(options.file, kMaxPromptBytes);
    what = options.file;
  } else {
    if (is_terminal(stdin)) {
      throw Error(ErrorKind::usage, "no text given", "Use -p TEXT or -f FILE, or send it to standard input.");
    }
    text = read_file("/dev/stdin", kMaxPromptBytes);
    what = "standard input";
  }
  check_utf8(what, text);
  return text;
}

void check_utf8(const std::string& what, const std::string& text) {
  const std::size_t at = find_invalid_utf8(text);
  if (at == std::string_view::npos) return;
  throw Error(
      ErrorKind::input,
      fmt::format("{} is not UTF-8: byte 0x{:02x} at offset {}", what, static_cast<unsigned char>(text[at]), at),
      "Convert it, for example with iconv -t UTF-8.");
}

}  // namespace assay::cli

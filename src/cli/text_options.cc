#include "cli/text_options.h"

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "cli/prompt.h"
#include "compare/chunks.h"

namespace assay::cli {

CLI::Option* add_text_options(CLI::App& app, TextOptions& options) {
  options.context = compare::kDefaultContext;
  CLI::Option* text = app.add_option("--text", options.file, "The text, a file");
  app.add_option("--ctx", options.context, "Tokens of a chunk; its second half is scored")
      ->check(CLI::Range(4, 1 << 30))
      ->capture_default_str();
  app.add_option("--chunks", options.chunks, "Only the first chunks of the text")->check(CLI::Range(1, 1 << 30));
  return text;
}

std::string read_text(const TextOptions& options) {
  constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;
  std::string text = read_file(options.file, kMaxTextBytes);
  check_utf8(options.file, text);
  return text;
}

}  // namespace assay::cli

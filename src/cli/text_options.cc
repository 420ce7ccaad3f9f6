#include "cli/text_options.h"

#include <string>

#include "base/file.h"
#include "cli/prompt.h"

namespace assay::cli {

Option add_text_options(CommandLine& line, TextOptions& options) {
  const Option text = line.add_option("--text", options.file, "The text, a file");
  line.add_option("--ctx", options.context, "Tokens of a chunk; its second half is scored")
      .between(4, 1 << 30)
      .show_default(std::to_string(compare::kDefaultContext));
  line.add_option("--chunks", options.chunks, "Only the first chunks of the text").between(1, 1 << 30);
  return text;
}

std::string read_text(const TextOptions& options) {
  constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;
  std::string text = read_file(options.file, kMaxTextBytes);
  check_utf8(options.file, text);
  return text;
}

}  // namespace assay::cli

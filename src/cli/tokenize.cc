// assay tokenize: text to ids and pieces, and ids back to text.

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/model_argument.h"
#include "cli/prompt.h"
#include "cli/terminal.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {
namespace {

struct Options {
  std::string model;
  PromptOptions prompt;
  std::optional<std::string> ids;
  bool no_special = false;
  bool json = false;
};

int execute(const Options& options) {
  const gguf::File file = open_model_file(options.model);
  const auto tokenizer = tokenizer::Tokenizer::from_gguf(file);
  const bool special = !options.no_special;
  const std::vector<tokenizer::Token> ids =
      options.ids ? parse_ids(*options.ids)
                  : tokenizer->encode(read_prompt(options.prompt), {.add_special = special, .parse_special = special});
  std::vector<std::string> pieces;
  pieces.reserve(ids.size());
  for (const tokenizer::Token id : ids) pieces.push_back(tokenizer->piece(id));

  if (options.json) {
    nlohmann::ordered_json result = {{"version", 1}, {"ids", ids}, {"pieces", pieces}};
    if (options.ids) result["text"] = tokenizer->decode(ids, special);
    print_json(result);
  } else if (options.ids) {
    print_text(tokenizer->decode(ids, special) + "\n");
  } else {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      print_text(fmt::format("{:>7}  '{}'\n", ids[i], printable(pieces[i])));
    }
  }
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  add_model_argument(line, options->model);
  add_prompt_options(line, options->prompt);
  line.add_option("--ids", options->ids, "Token ids to turn back into text").excludes("--prompt").excludes("--file");
  line.add_flag(
      "--no-special", options->no_special,
      "No BOS and EOS, and special tokens in the text are plain text; with --ids, control tokens give no text");
  line.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kTokenize = {"tokenize", "Text to token ids, and back",
                                  "  assay tokenize -p \"Hello world\"\n"
                                  "  assay tokenize smollm2 --json < text.txt\n"
                                  "  assay tokenize smollm2 --ids \"19556 905\"",
                                  setup};

}  // namespace assay::cli

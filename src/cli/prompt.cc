#include "cli/prompt.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxPromptBytes = 64 << 20;

}  // namespace

void add_prompt_options(CommandLine& line, PromptOptions& options) {
  const Option text = line.add_option("-p,--prompt", options.text, "The text");
  line.add_option("-f,--file", options.file, "A file with the text; without -p and -f standard input has it")
      .excludes(text);
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

std::vector<tokenizer::Token> parse_ids(const std::string& text) {
  constexpr const char* kSeparators = " ,[]\t\n";
  std::vector<tokenizer::Token> ids;
  std::size_t at = text.find_first_not_of(kSeparators);
  while (at != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    tokenizer::Token id = 0;
    const auto [rest, error] = std::from_chars(text.data() + at, text.data() + end, id);
    if (error != std::errc() || rest != text.data() + end) {
      throw Error(ErrorKind::usage, fmt::format("--ids: '{}' is no token id", text.substr(at, end - at)),
                  "Write numbers between spaces or commas: --ids \"1 2 3\".");
    }
    ids.push_back(id);
    at = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

std::vector<tokenizer::Token> encode_prompt(const tokenizer::Tokenizer& tokenizer, const std::string& text,
                                            bool special, const std::string& model) {
  if (text.empty()) {
    // BOS alone, also where the metadata would not ask for it: a model needs something to stand on.
    const auto bos = tokenizer.bos();
    if (!bos) {
      throw Error(ErrorKind::usage,
                  fmt::format("the prompt is empty, and the vocabulary of {} has no BOS token to begin with", model),
                  "Give a prompt with -p.");
    }
    return {*bos};
  }
  auto ids = tokenizer.encode(text, {.add_special = special, .parse_special = special});
  // An end token behind the prompt would end the text before it is continued.
  if (special && tokenizer.adds_eos() && tokenizer.eos() && !ids.empty() && ids.back() == *tokenizer.eos())
    ids.pop_back();
  return ids;
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

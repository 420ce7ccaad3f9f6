// The text that a command works on: -p TEXT, -f FILE, or standard input, taken byte for byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

struct PromptOptions {
  std::optional<std::string> text;
  std::string file;
};

void add_prompt_options(CommandLine& line, PromptOptions& options);

/// Throws Error{usage} when both or none is given (none: standard input is a terminal), Error{input} that names the
/// byte offset when the text is not UTF-8.
std::string read_prompt(const PromptOptions& options);

/// Token ids between spaces, commas or brackets. Throws Error{usage} that names what is no id.
std::vector<tokenizer::Token> parse_ids(const std::string& text);

/// The tokens of a text that a model shall continue: with `special` as the vocabulary wants it, but without an end
/// token behind it; an empty text is BOS alone. Throws Error{usage} that names `model` when there is no BOS for that.
std::vector<tokenizer::Token> encode_prompt(const tokenizer::Tokenizer& tokenizer, const std::string& text,
                                            bool special, const std::string& model);

/// Throws Error{input} that names `what` and the byte offset when the text is not UTF-8.
void check_utf8(const std::string& what, const std::string& text);

}  // namespace assay::cli

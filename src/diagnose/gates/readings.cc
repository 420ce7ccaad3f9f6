#include "diagnose/gates/readings.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "tokenizer/pre_tokenizer.h"

namespace assay::diagnose {
namespace {

using tokenizer::Token;
using tokenizer::Tokenizer;
using tokenizer::TokenKind;
using Ids = std::vector<Token>;

/// The longest token at every place, without merges or scores: what small engines do.
class LongestMatch {
 public:
  explicit LongestMatch(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
    for (std::size_t id = 0; id < tokenizer.size(); ++id) {
      const auto token = static_cast<Token>(id);
      const std::string piece = tokenizer.piece(token);
      if (piece.empty()) continue;
      longest_ = std::max(longest_, piece.size());
      Token& known = tokens_.try_emplace(piece, token).first->second;
      // A byte token stands behind a written one of the same byte.
      if (tokenizer.kind(known) == TokenKind::byte) known = token;
    }
  }

  Ids encode(std::string_view text, bool parse_special) const {
    Ids ids;
    while (!text.empty()) {
      std::size_t size = std::min(longest_, text.size());
      std::optional<Token> token = find(text.substr(0, size), parse_special);
      while (!token && size > 1) token = find(text.substr(0, --size), parse_special);
      if (token) ids.push_back(*token);
      text.remove_prefix(size);
    }
    return ids;
  }

 private:
  std::optional<Token> find(std::string_view piece, bool parse_special) const {
    const auto found = tokens_.find(std::string(piece));
    if (found == tokens_.end()) return std::nullopt;
    const TokenKind kind = tokenizer_.kind(found->second);
    const bool is_special = kind == TokenKind::control || kind == TokenKind::unknown;
    return is_special && !parse_special ? std::nullopt : std::optional(found->second);
  }

  const Tokenizer& tokenizer_;
  std::unordered_map<std::string, Token> tokens_;
  std::size_t longest_ = 1;
};

struct Text {
  std::vector<TokenMistake> mistakes;
  std::string text;
};

std::vector<TokenMistake> mistake(std::string fault, std::string parameter, std::string value) {
  std::vector<TokenMistake> mistakes(1);
  mistakes[0].fault = std::move(fault);
  mistakes[0].parameters.push_back({std::move(parameter), std::move(value)});
  return mistakes;
}

std::vector<Text> texts_of(std::string_view text) {
  std::vector<Text> texts = {{{}, std::string(text)}};
  const auto add = [&](std::string rule, std::string_view other) {
    if (other != text) texts.push_back({mistake("prompt_text", "rule", std::move(rule)), std::string(other)});
  };
  if (text.ends_with('\n')) add("newline_missing", text.substr(0, text.size() - 1));
  add("newline_appended", std::string(text) + "\n");
  add("trimmed", trim(text));
  return texts;
}

std::function<Ids(const std::string&, bool)> encoder(std::shared_ptr<const Tokenizer> tokenizer, std::string prefix) {
  return [tokenizer = std::move(tokenizer), prefix = std::move(prefix)](const std::string& text, bool parse_special) {
    return tokenizer->encode(prefix + text, {.add_special = false, .parse_special = parse_special});
  };
}

}  // namespace

void Readings::make_readers() {
  // The caller keeps its tokenizer longer than this.
  const std::shared_ptr<const Tokenizer> own(std::shared_ptr<const Tokenizer>(), &tokenizer_);
  readers_.push_back({{}, encoder(own, "")});
  const auto read_as = [&](const tokenizer::Reading& reading) {
    return std::shared_ptr<const Tokenizer>(tokenizer_.read_as(reading));
  };
  const auto model = file_.get_string("tokenizer.ggml.model");
  const bool is_byte_level = model == "gpt2";
  const bool has_prefix = model == "llama" && file_.get_bool("tokenizer.ggml.add_space_prefix").value_or(true);
  readers_.push_back({mistake("space_prefix", "rule", has_prefix ? "doubled" : "added"), encoder(own, " ")});
  if (has_prefix) {
    const auto bare = read_as({.pre_tokenizer = {}, .add_space_prefix = false});
    readers_.push_back({mistake("space_prefix", "rule", "missing"), encoder(bare, "")});
    readers_.push_back({mistake("space_prefix", "rule", "only_first"), encoder(bare, " ")});
  }
  if (is_byte_level) {
    const auto cut_as = [&](std::string_view name, const std::string& like) {
      readers_.push_back({mistake("pre_tokenizer", "like", like),
                          encoder(read_as({.pre_tokenizer = name, .add_space_prefix = {}}), "")});
    };
    cut_as("", "none");
    for (const std::string_view name : tokenizer::PreTokenizer::names()) cut_as(name, std::string(name));
  }
  readers_.push_back(
      {mistake("pre_tokenizer", "like", "longest_match"),
       [longest = std::make_shared<LongestMatch>(tokenizer_), prefix = std::string(has_prefix ? " " : "")](
           const std::string& text, bool parse_special) { return longest->encode(prefix + text, parse_special); }});
}

Ids Readings::right(std::string_view text) const {
  return tokenizer_.encode(text, {.add_special = false, .parse_special = true});
}

std::vector<ReadText> Readings::with(std::string_view text, std::size_t mistakes) {
  Ids right_ids = right(text);
  std::vector<ReadText> all;
  if (mistakes == 0) {
    all.push_back({{}, std::move(right_ids)});
    return all;
  }
  if (readers_.empty()) make_readers();
  for (const Text& some : texts_of(text)) {
    for (const Reader& reader : readers_) {
      for (const bool parse_special : {true, false}) {
        ReadText read{some.mistakes, {}};
        if (!parse_special) read.mistakes.push_back({"special_as_text", {}});
        read.mistakes.insert(read.mistakes.end(), reader.mistakes.begin(), reader.mistakes.end());
        if (read.mistakes.size() != mistakes) continue;
        read.ids = reader.encode(some.text, parse_special);
        if (read.ids != right_ids) all.push_back(std::move(read));
      }
    }
  }
  return all;
}

}  // namespace assay::diagnose

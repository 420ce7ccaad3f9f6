#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/text.h"

namespace assay::tokenizer {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kKindsKey = "tokenizer.ggml.token_type";
constexpr const char* kBrokenHint = "the vocabulary is damaged; convert or download the file again";

/// Names that files forget to mark: such a token is a control token whatever its kind says, and some end an answer.
struct WellKnown {
  std::string_view text;
  bool ends_generation;
};
constexpr WellKnown kWellKnown[] = {
    {"<|eot_id|>", true},
    {"<|eom_id|>", true},
    {"<|im_end|>", true},
    {"<|end|>", true},
    {"<|return|>", true},
    {"<|call|>", true},
    {"<|calls|>", true},
    {"<|flush|>", true},
    {"<end_of_turn>", true},
    {"<|endoftext|>", true},
    {"<|end_of_text|>", true},
    {"</s>", true},
    {"<EOT>", true},
    {"_<EOT>", true},
    {"[EOT]", true},
    {"[EOS]", true},
    {"<end_of_utterance>", true},
    {"<eos>", true},
    {"<\uFF5Cend\u2581of\u2581sentence\uFF5C>", true},
    // Fill-in-the-middle: the padding, and what starts the next file or repository.
    {"<|fim_pad|>", true},
    {"<fim-pad>", true},
    {"<fim_pad>", true},
    {"<PAD>", true},
    {"[PAD]", true},
    {"<|fim_repo|>", true},
    {"<|repo_name|>", true},
    {"<fim-repo>", true},
    {"<REPO>", true},
    {"<reponame>", true},
    {"<|file_sep|>", true},
    {"<turn|>", true},
    {"<|tool_response>", true},
    {"[e~[", true},
    {"<|fim_prefix|>", false},
    {"<fim-prefix>", false},
    {"<fim_prefix>", false},
    {"<\uFF5Cfim\u2581begin\uFF5C>", false},
    {"<PRE>", false},
    {"\u2581<PRE>", false},
    {"<|fim_suffix|>", false},
    {"<fim-suffix>", false},
    {"<fim_suffix>", false},
    {"<\uFF5Cfim\u2581hole\uFF5C>", false},
    {"<SUF>", false},
    {"\u2581<SUF>", false},
    {"<|fim_middle|>", false},
    {"<fim-middle>", false},
    {"<fim_middle>", false},
    {"<\uFF5Cfim\u2581end\uFF5C>", false},
    {"<MID>", false},
    {"<|code_prefix|>", false},
    {"<|prefix|>", false},
    {"<|code_suffix|>", false},
    {"<|suffix|>", false},
    {"<|code_middle|>", false},
    {"<|middle|>", false},
    {"\u2581<MID>", false},
};

/// Ids of the metadata that end an answer; names and keys as GGUF files have them, the old spellings too.
constexpr std::string_view kEndKeys[] = {
    "tokenizer.ggml.eot_token_id",     "tokenizer.ggml.eom_token_id",     "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id",
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// The byte that "<0x0A>" names.
std::optional<unsigned char> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

bool is_phi3(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

}  // namespace

Vocabulary::Vocabulary(const gguf::File& file, const VocabularyDefaults& defaults) : file_name_(file.name()) {
  pre_tokenizer = file.get_string("tokenizer.ggml.pre").value_or("");
  strips_behind_special = is_phi3(file.get_string("general.name").value_or(""));
  read_tokens(file);
  read_kinds(file);
  find_byte_tokens();
  mark_well_known_tokens();
  read_special_ids(file, defaults);
  except_some_tokens();
}

void Vocabulary::read_tokens(const gguf::File& file) {
  const std::vector<std::string_view>* tokens = file.get_strings(kTokensKey);
  if (tokens == nullptr || tokens->empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: {} is absent or empty", file.name(), kTokensKey),
                "this file carries no vocabulary; use one that does");
  }
  if (tokens->size() > static_cast<std::size_t>(std::numeric_limits<Token>::max())) {
    throw Error(ErrorKind::input, fmt::format("{}: {} has {} entries", file.name(), kTokensKey, tokens->size()),
                kBrokenHint);
  }
  tokens_ = *tokens;
  ids_.reserve(tokens_.size());
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].empty()) ids_.emplace(tokens_[id], static_cast<Token>(id));
    longest_token_bytes_ = std::max(longest_token_bytes_, tokens_[id].size());
  }
}

void Vocabulary::read_kinds(const gguf::File& file) {
  kinds_.assign(tokens_.size(), TokenKind::normal);
  if (file.find(kKindsKey) == nullptr) return;
  const std::vector<std::int64_t> kinds = file.get_ints(kKindsKey);
  if (kinds.size() != tokens_.size()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: {} has {} entries, {} has {}", file.name(), kKindsKey, kinds.size(), kTokensKey,
                            tokens_.size()),
                kBrokenHint);
  }
  for (std::size_t id = 0; id < kinds.size(); ++id) {
    if (kinds[id] < 1 || kinds[id] > 6) {
      throw element_error(kKindsKey, id, fmt::format("is {}, and kinds are 1 to 6", kinds[id]));
    }
    kinds_[id] = static_cast<TokenKind>(kinds[id]);
  }
}

void Vocabulary::find_byte_tokens() {
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (kinds_[id] != TokenKind::byte) continue;
    const std::optional<unsigned char> byte = parse_byte_token(tokens_[id]);
    if (!byte) {
      throw element_error(
          kTokensKey, id,
          fmt::format("is the byte token \"{}\", which should look like <0x0A>", printable(tokens_[id], 40)));
    }
    if (!byte_tokens_[*byte]) byte_tokens_[*byte] = static_cast<Token>(id);
  }
  for (unsigned value = 0; value < byte_tokens_.size(); ++value) {
    std::optional<Token>& token = byte_tokens_[value];
    if (!token) token = find(fmt::format("<0x{:02X}>", value));
    if (!token) token = find(std::string(1, static_cast<char>(value)));
  }
}

void Vocabulary::mark_well_known_tokens() {
  ends_generation.assign(tokens_.size(), false);
  for (const WellKnown& known : kWellKnown) {
    const std::optional<Token> token = find(known.text);
    if (!token) continue;
    kinds_[static_cast<std::size_t>(*token)] = TokenKind::control;
    if (known.ends_generation) ends_generation[static_cast<std::size_t>(*token)] = true;
  }
}

void Vocabulary::except_some_tokens() {
  const auto has = [&](std::string_view name) { return find(name).has_value(); };
  const auto becomes = [&](std::string_view name, TokenKind its_kind) {
    const std::optional<Token> token = find(name);
    if (!token) return;
    ends_generation[static_cast<std::size_t>(*token)] = false;
    kinds_[static_cast<std::size_t>(*token)] = its_kind;
  };
  // In vocabularies with channels, "<|end|>" closes a message and not the answer, and their marks are part of it.
  const bool has_call = has("<|call|>") || has("<|calls|>");
  if (has_call && (has("<|return|>") || has("<|flush|>"))) becomes("<|end|>", TokenKind::user_defined);
  for (const std::string_view mark : {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}) {
    if (const auto token = find(mark)) kinds_[static_cast<std::size_t>(*token)] = TokenKind::user_defined;
  }
  // Gemma 4 writes "</s>" as text.
  if (has("<|tool_response>")) becomes("</s>", TokenKind::normal);
}

void Vocabulary::read_special_ids(const gguf::File& file, const VocabularyDefaults& defaults) {
  const auto inside = [&](std::uint64_t id) { return id < tokens_.size(); };
  const auto read = [&](std::string_view key, std::optional<Token> fallback) -> std::optional<Token> {
    const std::optional<std::uint64_t> id = file.get_uint(key);
    if (id && inside(*id)) return static_cast<Token>(*id);
    return fallback && inside(static_cast<std::uint64_t>(*fallback)) ? fallback : std::nullopt;
  };
  bos = read("tokenizer.ggml.bos_token_id", defaults.bos);
  eos = read("tokenizer.ggml.eos_token_id", defaults.eos);
  unknown = read("tokenizer.ggml.unknown_token_id", defaults.unknown);
  if (eos) ends_generation[static_cast<std::size_t>(*eos)] = true;
  for (const std::string_view key : kEndKeys) {
    if (const std::optional<Token> token = read(key, std::nullopt)) {
      ends_generation[static_cast<std::size_t>(*token)] = true;
    }
  }
  const std::optional<bool> asks_bos = file.get_bool("tokenizer.ggml.add_bos_token");
  const std::optional<bool> asks_eos = file.get_bool("tokenizer.ggml.add_eos_token");
  const auto require = [&](bool asked, const std::optional<Token>& token, std::string_view name) {
    if (asked && !token) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: tokenizer.ggml.add_{}_token is true, but tokenizer.ggml.{}_token_id names no token",
                              file.name(), name, name),
                  kBrokenHint);
    }
  };
  require(asks_bos.value_or(false), bos, "bos");
  require(asks_eos.value_or(false), eos, "eos");
  add_bos = asks_bos.value_or(defaults.add_bos) && bos;
  add_eos = asks_eos.value_or(defaults.add_eos) && eos;
  add_space_prefix = file.get_bool("tokenizer.ggml.add_space_prefix").value_or(defaults.add_space_prefix);
}

std::optional<Token> Vocabulary::find(std::string_view token_text) const {
  const auto found = ids_.find(token_text);
  return found == ids_.end() ? std::nullopt : std::optional<Token>(found->second);
}

std::optional<Token> Vocabulary::find_plain(std::string_view token_text) const {
  const std::optional<Token> token = find(token_text);
  if (!token) return std::nullopt;
  const TokenKind its_kind = kind(*token);
  const bool plain =
      its_kind == TokenKind::normal || its_kind == TokenKind::unused || its_kind == TokenKind::user_defined;
  return plain ? token : std::nullopt;
}

unsigned char Vocabulary::byte_value(Token token) const { return parse_byte_token(text(token)).value(); }

Error Vocabulary::element_error(std::string_view key, std::size_t index, const std::string& problem) const {
  return {ErrorKind::input, fmt::format("{}: {}[{}] {}", file_name_, key, index, problem), kBrokenHint};
}

std::vector<float> read_scores(const gguf::File& file, const Vocabulary& vocabulary) {
  if (file.find(kScoresKey) == nullptr) {
    throw Error(ErrorKind::input, fmt::format("{}: {} is absent", file.name(), kScoresKey),
                "this kind of vocabulary cuts by scores; convert the file again");
  }
  std::vector<float> scores = file.get_floats(kScoresKey);
  if (scores.size() != vocabulary.size()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: {} has {} entries, tokenizer.ggml.tokens has {}", file.name(), kScoresKey,
                            scores.size(), vocabulary.size()),
                "the vocabulary is damaged; convert or download the file again");
  }
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (std::isnan(scores[id])) throw vocabulary.element_error(kScoresKey, id, "is not a number");
  }
  return scores;
}

}  // namespace assay::tokenizer

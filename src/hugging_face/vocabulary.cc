#include "hugging_face/vocabulary.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "hugging_face/pre_tokenizer_name.h"
#include "hugging_face/sentencepiece_model.h"
#include "tokenizer/tokenizer.h"

namespace assay::hugging_face {
namespace {

using tokenizer::TokenKind;

constexpr float kUnusedScore = -10000;
constexpr float kAddedScore = -1000;
constexpr std::string_view kSpaceMark = "\u2581";

/// Files forget to mark some as special.
bool looks_special(std::string_view text) {
  constexpr std::string_view kBar = "\uFF5C";
  const auto stands_in = [&](const std::string& begin, const std::string& end) {
    return text.size() >= begin.size() + end.size() && text.starts_with(begin) && text.ends_with(end);
  };
  return text == "<pad>" || text == "<mask>" || text == "<2mass>" || text == "[@BOS@]" || stands_in("<|", "|>") ||
         stands_in(fmt::format("<{}", kBar), fmt::format("{}>", kBar)) || stands_in("<unused", ">");
}

std::string with_spaces(std::string text) {
  for (std::size_t at = text.find(kSpaceMark); at != std::string::npos; at = text.find(kSpaceMark, at + 1)) {
    text.replace(at, kSpaceMark.size(), " ");
  }
  return text;
}

bool is_byte_token(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  return text.size() == 6 && text.starts_with("<0x") && text[5] == '>' &&
         text.substr(3, 2).find_first_not_of(kHex) == std::string_view::npos;
}

/// Nullopt for a text that is none.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFFU);
  }
  return bytes;
}

/// Tokens by id while they are gathered.
class Tokens {
 public:
  explicit Tokens(std::size_t count)
      : texts_(count), scores_(count, kUnusedScore), kinds_(count, static_cast<std::int32_t>(TokenKind::unused)) {
    for (std::size_t id = 0; id < count; ++id) texts_[id] = fmt::format("[PAD{}]", id);
  }

  std::size_t size() const { return texts_.size(); }
  void set(std::size_t id, std::string text, TokenKind kind, float score) {
    texts_[id] = std::move(text);
    kinds_[id] = static_cast<std::int32_t>(kind);
    scores_[id] = score;
  }
  void write(gguf::Writer& out, bool has_scores) const {
    out.add_strings("tokenizer.ggml.tokens", texts_);
    if (has_scores) out.add_floats("tokenizer.ggml.scores", scores_);
    out.add_ints("tokenizer.ggml.token_type", kinds_);
  }

 private:
  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::vector<std::int32_t> kinds_;
};

class VocabularyReader {
 public:
  VocabularyReader(const std::filesystem::path& folder, const Settings& tokenizer, std::size_t tokens,
                   std::vector<std::string>& notes)
      : folder_(folder),
        json_(tokenizer),
        model_(json_.file() + ": model", json_.object("model")),
        tokens_(tokens),
        notes_(notes) {}

  void write(const std::string& pre_tokenizer, gguf::Writer& out) {
    const std::string type = model_.text("type").value_or("BPE");
    if (type == "Unigram") return write_unigram(out);
    if (type == "WordPiece") return write_wordpiece(out);
    if (type != "BPE") refuse(fmt::format("is of the type {}", printable(type, 40)));
    if (is_byte_level(json_.json())) {
      write_byte_level(pre_tokenizer, out);
    } else if (model_.flag("byte_fallback").value_or(false)) {
      write_sentencepiece(out);
    } else {
      refuse("has neither bytes as letters nor bytes as tokens");
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const {
    model_.refuse("type", problem,
                  "Known are byte-level BPE, BPE with byte_fallback as SentencePiece has it, Unigram and WordPiece.");
  }

  static bool is_byte_level(const Json& json) {
    std::vector<const Json*> steps = {&json};
    for (const char* name : {"pre_tokenizer", "decoder"}) {
      if (!json.contains(name) || !json[name].is_object()) continue;
      const Json& step = json[name];
      if (step.value("type", "") == "ByteLevel") return true;
      for (const char* list : {"pretokenizers", "decoders"}) {
        if (!step.contains(list) || !step[list].is_array()) continue;
        for (const Json& inner : step[list]) {
          if (inner.is_object() && inner.value("type", "") == "ByteLevel") return true;
        }
      }
    }
    return false;
  }

  /// The vocabulary without what was added to it: calls each(id, text).
  void for_each_token(const std::function<void(std::size_t id, const std::string& text)>& each) const {
    for (const auto& [text, id] : model_.object("vocab").items()) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= tokens_.size()) {
        model_.refuse("vocab", fmt::format("says {} for '{}', and the embedding has {} rows", id.dump(),
                                           printable(text, 40), tokens_.size()));
      }
      each(id.get<std::size_t>(), text);
    }
  }

  /// Tokens of added_tokens come over those that stand there.
  void add_added() {
    for (const Json& entry : json_.array("added_tokens")) {
      if (!entry.is_object()) json_.refuse("added_tokens", "must be a list of objects");
      const Settings token(json_.file() + ": added_tokens", entry);
      add_added(token.count("id"), token);
    }
  }

  void add_added(std::optional<std::uint32_t> id, const Settings& token) {
    const auto text = token.text("content");
    if (!id || !text) token.refuse("id", "or content is missing");
    if (*id >= tokens_.size()) {
      notes_.push_back(fmt::format("token {} ('{}') is left out: the embedding has {} rows", *id, printable(*text, 40),
                                   tokens_.size()));
      return;
    }
    const bool is_special = token.flag("special").value_or(false) || looks_special(*text);
    tokens_.set(*id, is_special ? *text : with_spaces(*text), is_special ? TokenKind::control : TokenKind::user_defined,
                kAddedScore);
  }

  void write_byte_level(const std::string& pre_tokenizer, gguf::Writer& out) {
    for_each_token([&](std::size_t id, const std::string& text) { tokens_.set(id, text, TokenKind::normal, 0); });
    add_added();
    out.add_string("tokenizer.ggml.model", "gpt2");
    out.add_string("tokenizer.ggml.pre",
                   pre_tokenizer.empty() ? name_of_pre_tokenizer(json_, model_.flag("ignore_merges").value_or(false))
                                         : pre_tokenizer);
    tokens_.write(out, false);
    std::vector<std::string> lines;
    for (const auto& [left, right] : merges()) lines.push_back(fmt::format("{} {}", left, right));
    out.add_strings("tokenizer.ggml.merges", lines);
  }

  std::vector<std::pair<std::string, std::string>> merges() const {
    std::vector<std::pair<std::string, std::string>> merges;
    for (const Json& merge : model_.array("merges")) {
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        const std::size_t space = text.find(' ', 1);
        if (space == std::string::npos) model_.refuse("merges", "has one without a space between two tokens");
        merges.emplace_back(text.substr(0, space), text.substr(space + 1));
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        model_.refuse("merges", "must be a list of pairs");
      }
    }
    return merges;
  }

  void write_sentencepiece(gguf::Writer& out) {
    const std::filesystem::path original = folder_ / "tokenizer.model";
    std::filesystem::exists(original) ? add_pieces(read_sentencepiece_model(original)) : add_ranked();
    add_added();
    out.add_string("tokenizer.ggml.model", "llama");
    out.add_string("tokenizer.ggml.pre", "default");
    tokens_.write(out, true);
    out.add_bool("tokenizer.ggml.add_space_prefix", adds_space_prefix());
  }

  void add_pieces(const std::vector<SentencePiece>& pieces) {
    for (std::size_t id = 0; id < std::min(pieces.size(), tokens_.size()); ++id) {
      tokens_.set(id, pieces[id].text, static_cast<TokenKind>(pieces[id].kind), pieces[id].score);
    }
  }

  /// Scores by the place of the merges.
  void add_ranked() {
    const auto merges = this->merges();
    std::unordered_map<std::string, float> scores;
    std::set<std::pair<std::string_view, std::string_view>> pairs;
    for (const auto& [left, right] : merges) {
      scores.emplace(left + right, -static_cast<float>(scores.size()));
      pairs.emplace(left, right);
    }
    if (!makes_every_pair(scores, pairs)) {
      notes_.push_back(
          "the merges of tokenizer.json are not all that its vocabulary allows, as SentencePiece's are: engines that "
          "go "
          "by scores may cut some words otherwise");
    }
    const std::string unknown = model_.text("unk_token").value_or("");
    for_each_token([&](std::size_t id, const std::string& text) {
      const auto score = scores.find(text);
      const TokenKind kind = text == unknown       ? TokenKind::unknown
                             : is_byte_token(text) ? TokenKind::byte
                                                   : TokenKind::normal;
      tokens_.set(id, text, kind, score == scores.end() ? kUnusedScore : score->second);
    });
  }

  /// Whether two tokens that make a third are merged wherever they meet.
  bool makes_every_pair(const std::unordered_map<std::string, float>& made,
                        const std::set<std::pair<std::string_view, std::string_view>>& pairs) const {
    const Json& vocabulary = model_.object("vocab");
    for (const auto& [text, score] : made) {
      for (std::size_t cut = 1; cut < text.size(); ++cut) {
        const std::string left = text.substr(0, cut);
        const std::string right = text.substr(cut);
        if (vocabulary.contains(left) && vocabulary.contains(right) && pairs.count({left, right}) == 0) return false;
      }
    }
    return true;
  }

  void write_unigram(gguf::Writer& out) {
    const Json& pieces = model_.array("vocab");
    if (pieces.size() > tokens_.size()) {
      model_.refuse("vocab",
                    fmt::format("has {} tokens, and the embedding has {} rows", pieces.size(), tokens_.size()));
    }
    const auto unknown = model_.count("unk_id");
    const bool has_bytes = model_.flag("byte_fallback").value_or(false);
    for (std::size_t id = 0; id < pieces.size(); ++id) {
      const Json& piece = pieces[id];
      if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
        model_.refuse("vocab", "must be a list of texts with scores");
      }
      const auto text = piece[0].get<std::string>();
      const TokenKind kind = id == unknown                      ? TokenKind::unknown
                             : has_bytes && is_byte_token(text) ? TokenKind::byte
                                                                : TokenKind::normal;
      tokens_.set(id, text, kind, piece[1].get<float>());
    }
    add_added();
    out.add_string("tokenizer.ggml.model", "t5");
    out.add_string("tokenizer.ggml.pre", "default");
    tokens_.write(out, true);
    out.add_bool("tokenizer.ggml.add_space_prefix", adds_space_prefix());
    Normalisation normalisation;
    add_normalizer(json_.object("normalizer"), normalisation, 0);
    out.add_bool("tokenizer.ggml.remove_extra_whitespaces", normalisation.merges_spaces);
    const std::string& map = normalisation.map;
    const gguf::Array bytes{gguf::ValueType::uint8, map.size(), std::as_bytes(std::span(map)), {}, {}};
    if (!map.empty()) out.add("tokenizer.ggml.precompiled_charsmap", {gguf::ValueType::array, bytes});
  }

  struct Normalisation {
    bool merges_spaces = false;
    std::string map;  ///< compiled; empty: none
  };

  /// SentencePiece's steps, as transformers writes them down.
  void add_normalizer(const Json& step, Normalisation& to, int depth) const {
    constexpr int kMaxDepth = 8;
    if (depth > kMaxDepth) json_.refuse("normalizer", "is nested too deep");
    const std::string type = step.value("type", "");
    const Json pattern = step.value("pattern", Json::object());
    if (type == "Sequence") {
      for (const Json& inner : step.at("normalizers")) add_normalizer(inner, to, depth + 1);
    } else if (type == "Precompiled" && to.map.empty()) {
      const auto map = from_base64(step.at("precompiled_charsmap").get<std::string>());
      if (!map) json_.refuse("normalizer", "has a precompiled_charsmap that is not base64");
      to.map = *map;
    } else if (type == "Replace" && pattern.value("Regex", "") == " {2,}") {
      to.merges_spaces = true;
    } else if (type != "Strip" && type != "Prepend" && !(type == "Replace" && pattern.value("String", "") == " ") &&
               !step.empty()) {
      refuse_normalizer(type);
    }
  }

  [[noreturn]] void refuse_normalizer(const std::string& type) const {
    json_.refuse("normalizer", fmt::format("is or has a {}, for which GGUF has no key", printable(type, 40)),
                 "No GGUF of this tokenizer would cut words as the model learned them.");
  }

  void write_wordpiece(gguf::Writer& out) {
    constexpr std::string_view kContinuing = "##";
    const Settings normalizer(json_.file() + ": normalizer", json_.object("normalizer"));
    const bool is_bert = normalizer.text("type") == "BertNormalizer" && normalizer.flag("clean_text").value_or(true) &&
                         normalizer.flag("handle_chinese_chars").value_or(true) &&
                         json_.object("pre_tokenizer").value("type", "") == "BertPreTokenizer" &&
                         model_.text("continuing_subword_prefix").value_or("##") == kContinuing &&
                         model_.count("max_input_chars_per_word").value_or(100) == 100;
    if (!is_bert) refuse("is a WordPiece that does not read as BERT does");
    const std::string unknown = model_.text("unk_token").value_or("[UNK]");
    for_each_token([&](std::size_t id, const std::string& text) {
      const bool continues = text.starts_with(kContinuing);
      if (text == unknown) return tokens_.set(id, text, TokenKind::unknown, 0);
      tokens_.set(id, continues ? text.substr(kContinuing.size()) : std::string(kSpaceMark) + text, TokenKind::normal,
                  0);
    });
    add_added();
    out.add_string("tokenizer.ggml.model", "bert");
    out.add_string("tokenizer.ggml.pre", "default");
    tokens_.write(out, false);
    for (const char* name : {"lowercase", "strip_accents"}) {
      if (const auto flag = normalizer.flag(name)) {
        out.add_bool(fmt::format("tokenizer.ggml.normalizer.{}", name), *flag);
      }
    }
  }

  /// Whether a text begins as if a space stood before it: said by the normalizer of older files, by the pre-tokenizer
  /// of later ones.
  bool adds_space_prefix() const {
    const std::string normalizer = json_.object("normalizer").dump();
    const Json& steps = json_.object("pre_tokenizer");
    const Settings sequence(json_.file() + ": pre_tokenizer", steps);
    const Json& inner = sequence.array("pretokenizers");
    const Json& last = inner.empty() ? steps : inner.back();
    if (!last.is_object()) json_.refuse("pre_tokenizer", "must be of objects");
    const Settings pre(json_.file() + ": pre_tokenizer", last);
    const std::string scheme = pre.text("prepend_scheme").value_or("never");
    return normalizer.find("\"Prepend\"") != std::string::npos || scheme == "always" || scheme == "first" ||
           (pre.text("type") == "Metaspace" && pre.flag("add_prefix_space").value_or(false));
  }

  const std::filesystem::path& folder_;
  const Settings& json_;
  Settings model_;
  Tokens tokens_;
  std::vector<std::string>& notes_;
};

}  // namespace

void add_vocabulary(const std::filesystem::path& folder, const Settings& tokenizer, std::size_t tokens,
                    const std::string& pre_tokenizer, gguf::Writer& out, std::vector<std::string>& notes) {
  try {
    VocabularyReader(folder, tokenizer, tokens, notes).write(pre_tokenizer, out);
  } catch (const Json::exception&) {
    tokenizer.refuse("pre_tokenizer", "or decoder has a member of a wrong kind");
  }
}

}  // namespace assay::hugging_face

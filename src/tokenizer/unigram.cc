#include "tokenizer/unigram.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/escaped_space.h"
#include "tokenizer/merge.h"
#include "tokenizer/prefix_search.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace assay::tokenizer {
namespace {

constexpr std::string_view kCharsMapKey = "tokenizer.ggml.precompiled_charsmap";
constexpr std::string_view kReplacementCharacter = "\uFFFD";
/// How much worse than the worst token a character is that none spells (SentencePiece's kUnkPenalty).
constexpr double kUnknownPenalty = 10;

class UnigramTokenizer final : public VocabularyTokenizer {
 public:
  UnigramTokenizer(Vocabulary vocabulary, const std::vector<float>& scores, CharsMap map, bool merge_spaces);

  std::unique_ptr<Tokenizer> read_as(const Reading& /*reading*/) const override {
    return std::make_unique<UnigramTokenizer>(*this);
  }

 private:
  void encode_plain(std::string_view plain, bool at_start, std::vector<Token>& tokens) const override;
  std::string plain_piece(Token token) const override { return unescaped(vocabulary().text(token)); }
  std::string normalized(std::string_view plain) const;

  struct Candidate {
    Token token;
    std::size_t size;
    double score;
  };
  std::vector<Candidate> candidates_;  ///< sorted by text, as search_ has them
  PrefixSearch search_;
  double unknown_score_ = 0;
  CharsMap map_;
  bool merge_spaces_;  ///< one for a run of them, and none at the ends
};

UnigramTokenizer::UnigramTokenizer(Vocabulary vocabulary, const std::vector<float>& scores, CharsMap map,
                                   bool merge_spaces)
    : VocabularyTokenizer(std::move(vocabulary)), map_(std::move(map)), merge_spaces_(merge_spaces) {
  const Vocabulary& own = this->vocabulary();
  std::vector<std::pair<std::string_view, Token>> plain;
  double worst = 0;
  for (std::size_t id = 0; id < own.size(); ++id) {
    const auto token = static_cast<Token>(id);
    // User-defined tokens were cut out of the text before.
    if (own.kind(token) != TokenKind::normal || own.find(own.text(token)) != token) continue;
    plain.emplace_back(own.text(token), token);
    worst = plain.size() == 1 ? scores[id] : std::min<double>(worst, scores[id]);
  }
  unknown_score_ = worst - kUnknownPenalty;
  std::sort(plain.begin(), plain.end());
  std::vector<std::string_view> texts;
  for (const auto& [text, token] : plain) {
    texts.push_back(text);
    candidates_.push_back({token, text.size(), scores[static_cast<std::size_t>(token)]});
  }
  search_ = PrefixSearch(std::move(texts));
}

std::string UnigramTokenizer::normalized(std::string_view plain) const {
  const bool prefixes = vocabulary().add_space_prefix;
  // A text of which nothing is left keeps its prefix unless spaces are merged, as in SentencePiece.
  std::string result(prefixes && !merge_spaces_ ? kEscapedSpace : "");
  bool after_space = merge_spaces_;
  const auto append = [&](std::string_view characters) {
    while (after_space && !characters.empty() && characters.front() == ' ') characters.remove_prefix(1);
    if (characters.empty()) return;
    if (result.empty() && prefixes) result += kEscapedSpace;
    append_escaped(characters, result);
    after_space = merge_spaces_ && characters.back() == ' ';
  };
  for (std::size_t at = 0; at < plain.size();) {
    if (const std::optional<CharsMap::Match> match = map_.find(plain, at)) {
      append(match->replacement);
      at += match->size;
    } else {
      const CodePoint point = decode_utf8(plain, at);
      append(point.value == kInvalidCodePoint ? kReplacementCharacter : plain.substr(at, point.size_bytes));
      at += point.size_bytes;
    }
  }
  while (merge_spaces_ && result.ends_with(kEscapedSpace)) result.resize(result.size() - kEscapedSpace.size());
  return result;
}

void UnigramTokenizer::encode_plain(std::string_view plain, bool /*at_start*/, std::vector<Token>& tokens) const {
  const std::string text = normalized(plain);
  struct Best {
    double score = -std::numeric_limits<double>::infinity();
    std::size_t begin = 0;  ///< of the last token
    Token token = kNoToken;
  };
  std::vector<Best> best(text.size() + 1);
  best[0].score = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto offer = [&](std::size_t size, double score, Token token) {
      Best& other = best[at + size];
      if (best[at].score + score > other.score) other = {best[at].score + score, at, token};
    };
    const std::size_t character = decode_utf8(text, at).size_bytes;
    bool is_spelled = false;
    search_.for_each(text, at, [&](std::size_t index) {
      const Candidate& candidate = candidates_[index];
      offer(candidate.size, candidate.score, candidate.token);
      is_spelled = is_spelled || candidate.size == character;
    });
    if (!is_spelled) offer(character, unknown_score_, kNoToken);
    at += character;
  }
  std::vector<std::pair<std::size_t, std::size_t>> path;  // from the end
  for (std::size_t end = text.size(); end > 0; end = best[end].begin) path.emplace_back(best[end].begin, end);
  bool after_unknown = false;
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    const auto [begin, end] = *step;
    const Token token = best[end].token;
    if (token != kNoToken) {
      tokens.push_back(token);
      after_unknown = false;
    } else {
      spell(std::string_view(text).substr(begin, end - begin), tokens, after_unknown);
    }
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_unigram_tokenizer(const gguf::File& file) {
  Vocabulary vocabulary(file, {.add_eos = true, .bos = {}, .eos = 1, .unknown = 2});
  const std::vector<float> scores = read_scores(file, vocabulary);
  std::string blob;
  if (file.find(kCharsMapKey) != nullptr) {
    for (const std::int64_t byte : file.get_ints(kCharsMapKey)) blob += static_cast<char>(byte);
  }
  const bool merge_spaces = file.get_bool("tokenizer.ggml.remove_extra_whitespaces").value_or(false);
  return std::make_unique<UnigramTokenizer>(std::move(vocabulary), scores, blob.empty() ? CharsMap() : CharsMap(blob),
                                            merge_spaces);
}

}  // namespace assay::tokenizer

#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/expression.h"
#include "tokenizer/probe_text.h"

namespace assay::tokenizer {
namespace {

using std::string;

// Every name that llama.cpp knows, but "whitespace" of a vocabulary that is not read. Each cuts as the tokenizer that
// its model was trained with (tokenizer.json), because those are the tokens that the model has seen. llama.cpp
// departs from that where std::regex is too weak: it takes every letter beyond ASCII for either case and gives no
// combining mark to words ("gpt-4o", "tekken", "youtu" and their like, "kimi-k2"), counts only ASCII digits in
// "superbpe", groups the digits that a word goes on with ("tiny_aya"), does not see spaces beyond ASCII in the
// classes of "deepseek-llm" and "deepseek-coder", cuts digits in runs ("deepseek-llm", which has no tokens of
// several), and joins a number's first digits to what stands before them ("afmoe"). expression.h says how the
// expressions are read; possessive ones (++) only spare memory.

// What the expressions are made of.
const string kContraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const string kWord = R"([^\r\n\p{L}\p{N}]?\p{L}+)";
const string kSymbols = R"( ?[^\s\p{L}\p{N}]+)";
const string kSpaces = R"(\s+(?!\S)|\s+)";
const string kLinesAndSpaces = R"(\s*[\r\n]+|)" + kSpaces;

const string kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|)" + kSymbols + "|" + kSpaces;
const string kThreeDigits = "[0-9][0-9][0-9]";

/// GPT-4's, whose numbers differ from model to model.
string gpt4(const string& number) {
  return kContraction + "|" + kWord + "|" + number + "|" + kSymbols + R"([\r\n]*|)" + kLinesAndSpaces;
}
const string kLlama3 = gpt4(R"(\p{N}{1,3})");
const string kQwen2 = gpt4(R"(\p{N})");

/// GPT-4o's: words are cut before a capital letter, and marks belong to them.
string gpt4o(const string& contraction, const string& number) {
  const string begin = R"([^\r\n\p{L}\p{N}]?)";
  const string upper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])";
  const string lower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
  return begin + upper + "*" + lower + "+" + contraction + "|" + begin + upper + "+" + lower + "*" + contraction + "|" +
         number + "|" + kSymbols + R"([\r\n/]*|)" + kLinesAndSpaces;
}
const string kGpt4o = gpt4o(kContraction + "?", R"(\p{N}{1,3})");

/// Kimi's: as GPT-4o's, but Chinese characters stand apart. Where letters without case (Lo, Lm) may end what begins
/// with capitals, the last of them does: (A*+B++ | (?:U*+C)++) is A*B+ without a step back, for A = U + C and B = C +
/// lower.
string kimi() {
  const string begin = R"([^\r\n\p{L}\p{N}]?)";
  const string caseless = R"((?:\p{M}|(?!\p{sc:Han})[\p{Lm}\p{Lo}]))";
  const string upper = R"((?:[\p{Lu}\p{Lt}]|)" + caseless + ")";
  const string lower = R"((?:\p{Ll}|)" + caseless + ")";
  return R"(\p{sc:Han}+|)" + begin + "(?:" + upper + "*+" + lower + "++|(?:" + R"([\p{Lu}\p{Lt}]*+)" + caseless +
         ")++)" + kContraction + "?|" + begin + upper + "++" + lower + "*+" + kContraction + R"(?|\p{N}{1,3}|)" +
         kSymbols + R"([\r\n]*|)" + kLinesAndSpaces;
}

/// DeepSeek V3's: `punctuated` is what may follow punctuation, `lines` the line ends that stand alone.
string deepseek3(const string& punctuated, const string& lines) {
  return R"([!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)" + punctuated + "|" + lines +
         "|" + kSpaces;
}
const string kDeepseek3 = deepseek3(R"([\r\n]*)", R"(\s*[\r\n]+)");
const string kChineseAndKana = R"([\x{4e00}-\x{9fa5}\x{3040}-\x{30ff}]+)";
const string kPunctuation = R"([\p{P}$+<=>^~|]+)";
// Of scripts that write without spaces.
const string kAfmoeUnspaced =
    R"([\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{f900}-\x{faff}\x{3040}-\x{30ff}\x{ff65}-\x{ff9f}\x{2f00}-\x{2fdf})"
    R"(\x{e40}-\x{eff}\x{1780}-\x{17ff}\x{1000}-\x{109f}\x{aa60}-\x{aa7f}\x{a9e0}-\x{a9ff}\x{ac00}-\x{d7af})"
    R"(\x{1100}-\x{11ff}]+)";
const string kYoutuUnspaced =
    R"([\x{ac00}-\x{d7a3}\x{3131}-\x{318e}]+|[\x{ff01}\x{2026}\x{201c}\x{201d}\x{2018}\x{2019}\x{2014}\x{ff1a})"
    R"(\x{ff1b}\x{ff0c}\x{3001}-\x{303f}\x{fe30}-\x{fe4f}]+|[\x{3105}-\x{312f}]+|)" +
    kChineseAndKana;
const string kBloom = R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{ff0c}\x{3001}\x{964}\x{6d4}\x{60c})]+)";
const string kDeepseekLetters =
    R"(\s?[A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293}\x{295}-\x{2af})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5})"
    R"(\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5}\x{13a0}-\x{13f5}\x{13f8}-\x{13fd})"
    R"(\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b}\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15})"
    R"(\x{1f18}-\x{1f1d}\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d})"
    R"(\x{1f80}-\x{1fb4}\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb})"
    R"(\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d})"
    R"(\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e})"
    R"(\x{2183}\x{2184}\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d})"
    R"(\x{a680}-\x{a69b}\x{a722}-\x{a76f}\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06})"
    R"(\x{fb13}-\x{fb17}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb})"
    R"(\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943}]+)";
const string kDeepseekSymbols = R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+)";
const string kDeepseekEastAsian = R"([\x{4e00}-\x{9fa5}\x{0800}-\x{4e00}\x{ac00}-\x{d7ff}]+)";
// Digits in threes from the right. Where the first group ends is found once, by looking to the end of the number; \G
// goes on from there. "tiny_aya" leaves alone digits that a letter, mark or underscore follows.
const string kThrees = R"((?<!\p{N})\p{N}{1,3}(?=(?:\p{N}{3})*+(?!\p{N}))|(?<=\p{N})\G\p{N}{3})";
const string kThreesOfAWord = R"((?<!\d)\d{1,3}(?=(?:\d{3})*+(?![\p{L}\p{M}\p{N}\p{Pc}]))|(?<=\d)\G\d{3})";
// The same as cuts before each group: (?=(?:\d{3})+(?!\d)). The search goes on one digit behind a cut.
const string kCutsOfThrees = R"((?<!\d)\d{0,2}\K(?=(?:\d{3})++(?!\d))|(?<=\d)\G\d\d\K(?=\d))";

enum : unsigned {
  kIgnoresMerges = 1,  ///< a piece that is a token needs no merges
  kAddsBos = 2,        ///< where the metadata does not say
  kRaw = 4,            ///< tokens are written in plain UTF-8 with U+2581 for a space
};

struct Entry {
  std::vector<std::string_view> names;  ///< the first is ours, the others are names of the same thing
  std::vector<string> expressions;
  unsigned flags = 0;
};

const std::vector<Entry>& table() {
  // clang-format off
  static const std::vector<Entry> entries = {
      {{"default"}, {kPunctuation, kGpt2, R"(\p{N}+)", kThreeDigits}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code",
        "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4", "trillion", "granite-docling"}, {kGpt2}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"}, {kLlama3},
       kIgnoresMerges | kAddsBos},
      {{"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"}, {kLlama3}},
      {{"smollm", "command-r", "codeshell", "minerva-7b", "exaone", "mellum2", "starcoder", "refact"}, {R"(\p{N})", kGpt2}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "kormo", "f2llmv2", "hunyuan", "solar-open", "grok-2"}, {kQwen2}},
      {{"qwen35"}, {kContraction + R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" + kLinesAndSpaces}},
      {{"k2-horizon"}, {kContraction + R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}\x{200c}\x{200d}]+|\p{N}{1,3}|)" + kSymbols + R"([\r\n]*|)" + kLinesAndSpaces}},
      {{"laguna"}, {R"([^\n]+|\n+)", kQwen2}},
      {{"minicpm5"}, {R"(\p{N}{1,3})", gpt4(R"(\p{N}+)")}, kIgnoresMerges},
      {{"ufakzeka"}, {kWord + R"(|\p{N}|)" + kSymbols + R"([\r\n]*|)" + kLinesAndSpaces}},
      {{"seed-coder"}, {kContraction + "|" + kWord + R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" + kLinesAndSpaces}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {"'(?i:[sdmt]|ll|ve|re)|" + kWord + R"(|\p{N}|)" + kSymbols + R"([\r\n]*|\s*[\r\n]|)" + kSpaces}},
      {{"exaone-moe"}, {kContraction + R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*+(?: \p{L}\p{M}*+)*+)++|\p{N}|)" + kSymbols + R"([\r\n/]?|\s*[\r\n]|)" + kSpaces}},
      {{"jais-2"}, {kContraction + "|" + kWord + R"(|\p{N}{1,3}|)" + kSymbols + R"([\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)"}},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {kGpt4o}},
      {{"granite-embed-multi-97m"}, {kGpt4o}, kIgnoresMerges},
      {{"tiny_aya", "cohere2moe"}, {kThreesOfAWord, kGpt4o}},
      {{"tekken"}, {gpt4o("", R"(\p{N})")}, kIgnoresMerges | kAddsBos},
      {{"youtu"}, {kYoutuUnspaced, gpt4o(kContraction + "?", R"(\p{N})")}, kIgnoresMerges},
      {{"kimi-k2"}, {kimi()}},
      {{"falcon"}, {R"([\p{P}$+<=>^~|`]+)", kGpt2, kThreeDigits}},
      {{"deepseek-llm"}, {R"([\r\n])", kDeepseekLetters, kDeepseekSymbols, R"(\s+$)", kDeepseekEastAsian, R"(\p{N})"}},
      {{"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekEastAsian, R"(\p{N})"}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, {R"(\p{N}{1,3})", kChineseAndKana, kDeepseek3}},
      {{"spark2_5"}, {R"(\p{N}{1,3})", kChineseAndKana, deepseek3("", R"([\r\n])"), R"(\p{N})"}},
      {{"afmoe"}, {kThrees, kAfmoeUnspaced, kDeepseek3}},
      {{"superbpe"}, {R"(\p{N}+)", kCutsOfThrees}},
      {{"poro-chat", "bloom", "gpt3-finnish"}, {kBloom}},
      {{"viking"}, {kBloom, R"(\p{N})"}},
      {{"chameleon"}, {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", R"([\t\n]|    |  )", R"(\p{N})", R"([\p{P}!-/:-@\[-`{-~])", kGpt2}, kAddsBos},
      {{"gemma4", "granite-embed-multi-311m"}, {R"([^\n]+|\n+)"}, kRaw | kAddsBos},
      {{"sarvam-moe"}, {R"([^\n]+|\n+)"}, kRaw},
  };
  // clang-format on
  return entries;
}

using Pieces = std::vector<std::string_view>;

Pieces split_by(const std::vector<Expression>& expressions, std::string_view text) {
  Pieces pieces = {text};
  for (const Expression& expression : expressions) pieces = expression.split(pieces);
  return pieces;
}

Pieces split_by(const Entry& entry, std::string_view text) {
  std::vector<Expression> expressions;
  for (const string& pattern : entry.expressions) expressions.emplace_back(pattern);
  return split_by(expressions, text);
}

const string& runs() {
  static const string text = probe_of_runs();
  return text;
}

/// How the entries cut runs(); not those of another alphabet.
const std::vector<std::pair<const Entry*, Pieces>>& cut_runs() {
  static const std::vector<std::pair<const Entry*, Pieces>> cut = [] {
    std::vector<std::pair<const Entry*, Pieces>> all;
    for (const Entry& entry : table()) {
      if ((entry.flags & kRaw) == 0) all.emplace_back(&entry, split_by(entry, runs()));
    }
    return all;
  }();
  return cut;
}

/// The entries that cut the probes as a file's expressions do: none where one of these is no expression or takes long.
std::vector<const Entry*> cutting_alike(std::span<const string> patterns) {
  constexpr std::size_t kMaxExpressions = 32;
  if (patterns.empty() || patterns.size() > kMaxExpressions) return {};
  std::vector<Expression> expressions;
  for (const string& pattern : patterns) {
    auto expression = Expression::of_file(pattern);
    if (!expression) return {};
    expressions.push_back(std::move(*expression));
  }
  std::vector<const Entry*> alike;
  try {
    const Pieces of_runs = split_by(expressions, runs());
    for (const auto& [entry, pieces] : cut_runs()) {
      if (pieces == of_runs) alike.push_back(entry);
    }
    if (alike.empty()) return {};
    const string threes = probe_of_threes();
    const Pieces of_threes = split_by(expressions, threes);
    const auto differs = [&](const Entry* entry) { return split_by(*entry, threes) != of_threes; };
    alike.erase(std::remove_if(alike.begin(), alike.end(), differs), alike.end());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    return {};
  }
  return alike;
}

}  // namespace

struct PreTokenizer::Compiled {
  const Entry* entry = nullptr;
  std::vector<Expression> expressions;
};

PreTokenizer::PreTokenizer(std::string_view name) {
  std::string known;
  for (const Entry& entry : table()) {
    for (const std::string_view candidate : entry.names) {
      known.append(known.empty() ? "" : ", ").append(candidate);
      if (candidate != name) continue;
      auto compiled = std::make_shared<Compiled>();
      compiled->entry = &entry;
      for (const string& expression : entry.expressions) compiled->expressions.emplace_back(expression);
      compiled_ = std::move(compiled);
      return;
    }
  }
  throw Error(ErrorKind::unsupported, fmt::format("unknown pre-tokenizer \"{}\"", printable(name, 60)),
              "tokenizer.ggml.pre may be one of: " + known);
}

PreTokenizer::PreTokenizer() {
  static const Entry nothing;
  auto compiled = std::make_shared<Compiled>();
  compiled->entry = &nothing;
  compiled_ = std::move(compiled);
}

std::vector<std::string_view> PreTokenizer::names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : table()) names.push_back(entry.names.front());
  return names;
}

std::string_view PreTokenizer::name_of(std::span<const string> expressions, bool ignores_merges) {
  std::vector<const Entry*> alike;
  for (const Entry& entry : table()) {
    const bool is_same =
        std::equal(expressions.begin(), expressions.end(), entry.expressions.begin(), entry.expressions.end());
    if (is_same && (entry.flags & kRaw) == 0) alike.push_back(&entry);
  }
  if (alike.empty()) alike = cutting_alike(expressions);
  std::stable_partition(alike.begin(), alike.end(),
                        [&](const Entry* entry) { return ((entry->flags & kIgnoresMerges) != 0) == ignores_merges; });
  return alike.empty() ? std::string_view() : alike.front()->names.front();
}

std::string_view PreTokenizer::byte_level_expression() { return kGpt2; }

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> result;
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t valid = std::min(find_invalid_utf8(text), text.size());
    if (valid > 0) {
      pieces.assign(1, text.substr(0, valid));
      for (const Expression& expression : compiled_->expressions) pieces = expression.split(pieces);
      result.insert(result.end(), pieces.begin(), pieces.end());
    }
    std::size_t end = valid;
    while (end < text.size() && decode_utf8(text, end).value == kInvalidCodePoint) ++end;
    if (end > valid) result.push_back(text.substr(valid, end - valid));
    text.remove_prefix(end);
  }
  return result;
}

bool PreTokenizer::ignores_merges() const { return (compiled_->entry->flags & kIgnoresMerges) != 0; }
bool PreTokenizer::adds_bos() const { return (compiled_->entry->flags & kAddsBos) != 0; }
bool PreTokenizer::is_raw() const { return (compiled_->entry->flags & kRaw) != 0; }

}  // namespace assay::tokenizer

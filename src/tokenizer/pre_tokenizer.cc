#include "tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <pcre2.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::tokenizer {
namespace {

// In these expressions \s means the Unicode property White_Space, and $ the very end of a piece.

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"('[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"('[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kPunctuation = R"([\p{P}$+<=>^~|]+)";
constexpr const char* kPunctuationAndBacktick = R"([\p{P}$+<=>^~|`]+)";
// The cased letters that DeepSeek's tokenizer lists, by code point.
constexpr const char* kDeepseekLetters =
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
constexpr const char* kDeepseekSymbols =
    R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+)";
constexpr const char* kDeepseekEastAsian = R"([\x{4e00}-\x{9fa5}\x{0800}-\x{4e00}\x{ac00}-\x{d7ff}]+)";

struct Entry {
  std::vector<std::string_view> names;  ///< the first is ours, the others are names of the same thing
  std::vector<const char*> expressions;
  bool ignores_merges = false;
  bool adds_bos = false;
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {{"default"}, {kPunctuation, kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {{"gpt-2", "phi-2", "mpt", "olmo", "jais"}, {kGpt2}},
      {{"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"}, {kLlama3}, true, true},
      {{"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"}, {kLlama3}},
      {{"smollm", "command-r", "codeshell", "minerva-7b"}, {R"(\p{N})", kGpt2}},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"}, {kQwen2}},
      {{"falcon"}, {kPunctuationAndBacktick, kGpt2, "[0-9][0-9][0-9]"}},
      {{"starcoder", "refact"}, {R"(\p{N})", kGpt2}},
      {{"deepseek-llm"}, {R"([\r\n])", kDeepseekLetters, kDeepseekSymbols, R"(\s+$)", kDeepseekEastAsian, R"(\p{N}+)"}},
  };
  return entries;
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using Code = std::unique_ptr<pcre2_code, FreeCode>;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatchData>;

struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using MatchContext = std::unique_ptr<pcre2_match_context, FreeMatchContext>;

/// PCRE2's own \s also has U+180E, which Unicode no longer counts as a space.
std::string with_unicode_spaces(std::string_view expression) {
  std::string result;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] == '\\' && (expression[i + 1] == 's' || expression[i + 1] == 'S')) {
      result += expression[i + 1] == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
      ++i;
    } else {
      result += expression[i];
    }
  }
  return result;
}

Error regex_error(const char* doing, int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return {ErrorKind::internal, fmt::format("{}: {}", doing, reinterpret_cast<const char*>(text))};
}

Code compile(const char* expression) {
  const std::string pattern = with_unicode_spaces(expression);
  int code = 0;
  std::size_t offset = 0;
  Code compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &code, &offset, nullptr));
  if (compiled == nullptr) throw regex_error("cannot compile a pre-tokenizer", code);
  // Without a just-in-time compiler the interpreter does the same, slowly.
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);
  return compiled;
}

/// Appends the matches in `piece`, and what lies between them.
void split_piece(const pcre2_code& code, pcre2_match_data& data, pcre2_match_context& context, std::string_view piece,
                 std::vector<std::string_view>& pieces) {
  std::size_t done = 0;
  while (done < piece.size()) {
    // The text was checked to be well-formed; pieces end between characters.
    const int result = pcre2_match(&code, reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(), done,
                                   PCRE2_NO_UTF_CHECK, &data, &context);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) throw regex_error("a pre-tokenizer gave up", result);
    const std::size_t* place = pcre2_get_ovector_pointer(&data);
    assert(place[1] > place[0]);
    if (place[0] > done) pieces.push_back(piece.substr(done, place[0] - done));
    pieces.push_back(piece.substr(place[0], place[1] - place[0]));
    done = place[1];
  }
  if (done < piece.size()) pieces.push_back(piece.substr(done));
}

}  // namespace

struct PreTokenizer::Compiled {
  const Entry* entry = nullptr;
  std::vector<Code> codes;
};

PreTokenizer::PreTokenizer(std::string_view name) {
  std::string known;
  for (const Entry& entry : table()) {
    for (const std::string_view candidate : entry.names) {
      known.append(known.empty() ? "" : ", ").append(candidate);
      if (candidate != name) continue;
      auto compiled = std::make_unique<Compiled>();
      compiled->entry = &entry;
      for (const char* expression : entry.expressions) compiled->codes.push_back(compile(expression));
      compiled_ = std::move(compiled);
      return;
    }
  }
  throw Error(ErrorKind::unsupported, fmt::format("unknown pre-tokenizer \"{}\"", printable(name, 60)),
              "tokenizer.ggml.pre may be one of: " + known);
}

PreTokenizer::PreTokenizer() {
  static const Entry nothing;
  auto compiled = std::make_unique<Compiled>();
  compiled->entry = &nothing;
  compiled_ = std::move(compiled);
}

std::vector<std::string_view> PreTokenizer::names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : table()) names.push_back(entry.names.front());
  return names;
}

PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  // The expressions are ours, and none backtracks more than once over a run; a limit would only refuse long runs.
  pcre2_set_match_limit(context.get(), UINT32_MAX);

  std::vector<std::string_view> result;
  std::vector<std::string_view> pieces;
  std::vector<std::string_view> finer;
  while (!text.empty()) {
    const std::size_t valid = std::min(find_invalid_utf8(text), text.size());
    if (valid > 0) {
      pieces.assign(1, text.substr(0, valid));
      for (const Code& code : compiled_->codes) {
        finer.clear();
        for (const std::string_view piece : pieces) split_piece(*code, *data, *context, piece, finer);
        pieces.swap(finer);
      }
      result.insert(result.end(), pieces.begin(), pieces.end());
    }
    std::size_t end = valid;
    while (end < text.size() && decode_utf8(text, end).value == kInvalidCodePoint) ++end;
    if (end > valid) result.push_back(text.substr(valid, end - valid));
    text.remove_prefix(end);
  }
  return result;
}

bool PreTokenizer::ignores_merges() const { return compiled_->entry->ignores_merges; }
bool PreTokenizer::adds_bos() const { return compiled_->entry->adds_bos; }

}  // namespace assay::tokenizer

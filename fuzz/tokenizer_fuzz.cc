// Any text on several vocabularies, any vocabulary on a text, and any normalisation: encoding never fails, decoding
// gives the bytes back, and a stream is well-formed in every chunk. The first byte of the input chooses.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "tests/tokenizer/made_vocabulary.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

namespace {

using namespace assay;
using namespace assay::tokenizer;

void require(bool holds) {
  if (!holds) std::abort();
}

void add_special_tokens(MadeVocabulary& made) {
  made.add("<|a|>", TokenKind::control);
  made.add("<|a|><|", TokenKind::control);
  made.add("aa", TokenKind::user_defined);
  made.add("\u00e9x", TokenKind::user_defined);
}

MadeVocabulary bpe(const char* pre) {
  MadeVocabulary made = made_bpe({"a a", "aa aa", "\u0120 \u0120", "\u0120 a", "\u00c3 \u00a9", "1 2"}, pre);
  add_special_tokens(made);
  return made;
}

MadeVocabulary spm(bool spans_words) {
  MadeVocabulary made = made_spm();
  for (const char* text : {"\u2581", "a", "b", "aa", "ab", "\u2581a", "\u2581\u2581", "\u00e9", "\u00e9a"}) {
    made.add(text, TokenKind::normal, static_cast<float>(made.tokens.size() % 5));
  }
  if (spans_words) made.add("a\u2581b");
  add_special_tokens(made);
  return made;
}

const std::vector<MadeTokenizer>& tokenizers() {
  static const std::vector<MadeTokenizer> made = [] {
    std::vector<MadeTokenizer> all;
    for (const char* pre : {"default", "gpt-2", "llama-bpe", "smollm", "qwen2", "falcon", "gpt-4o", "deepseek-llm",
                            "kimi-k2", "superbpe", "tiny_aya", "exaone-moe"}) {
      all.emplace_back(bpe(pre).writer());
    }
    all.emplace_back(spm(false).writer());
    all.emplace_back(spm(true).writer());
    return all;
  }();
  return made;
}

void stream(const Tokenizer& tokenizer, const std::vector<Token>& ids) {
  StreamDecoder decoder(tokenizer, true);
  for (const Token id : ids) require(find_invalid_utf8(decoder.push(id)) == std::string::npos);
  require(find_invalid_utf8(decoder.finish()) == std::string::npos);
}

void any_text(const Tokenizer& tokenizer, bool parse_special, std::string_view text) {
  const std::vector<Token> ids = tokenizer.encode(text, {.add_special = false, .parse_special = parse_special});
  // A SentencePiece vocabulary cannot tell U+2581 from a space.
  if (text.find("\u2581") == std::string_view::npos) require(tokenizer.decode(ids) == text);
  stream(tokenizer, ids);
}

/// A line a token: its first byte is the kind. Lines with a space are merges as well.
void any_vocabulary(bool is_bpe, std::string_view lines) {
  MadeVocabulary made{.model = is_bpe ? "gpt2" : "llama", .tokens = {}, .pre = "gpt-2"};
  const std::string_view text = lines;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string line(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty()) continue;
    const int kind = line[0] % 8;
    made.add(line.substr(1), static_cast<TokenKind>(kind), static_cast<float>(line[0]));
    if (is_bpe && line.find(' ') != std::string::npos) made.merges.push_back(line.substr(1));
  }
  try {
    const MadeTokenizer tokenizer(made.writer());
    const std::vector<Token> ids = tokenizer->encode(text);
    for (const Token id : ids) require(tokenizer->text(id).size() <= text.size());
    stream(*tokenizer, ids);
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::input);
  }
}

/// Any bytes as a compiled normalisation, of themselves.
void any_charsmap(std::string_view blob) {
  try {
    const CharsMap map(blob);
    for (std::size_t at = 0; at < blob.size(); ++at) {
      if (const auto match = map.find(blob, at)) require(match->size > 0 && match->size <= blob.size() - at);
    }
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::input);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  if (size_bytes == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size_bytes - 1);
  const std::size_t choice = data[0] % 16;
  const bool flag = data[0] >= 128;
  if (choice < tokenizers().size()) {
    any_text(*tokenizers()[choice], flag, text);
  } else if (choice == tokenizers().size()) {
    any_charsmap(text);
  } else {
    any_vocabulary(flag, text);
  }
  return 0;
}

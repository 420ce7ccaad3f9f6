#include "tokenizer/expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <pcre2.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::tokenizer {
namespace {

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Code = std::unique_ptr<pcre2_code, Free>;
using MatchData = std::unique_ptr<pcre2_match_data, Free>;
using MatchContext = std::unique_ptr<pcre2_match_context, Free>;

/// PCRE2's own \s also has U+180E, which Unicode no longer counts as a space.
std::string with_unicode_spaces(std::string_view pattern) {
  std::string result;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escaped && (pattern[i + 1] == 's' || pattern[i + 1] == 'S')) {
      result += pattern[i + 1] == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
      ++i;
    } else {
      result += pattern[i];
    }
  }
  return result;
}

Error regex_error(const char* doing, int code, ErrorKind kind = ErrorKind::internal) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return {kind, fmt::format("{}: {}", doing, reinterpret_cast<const char*>(text))};
}

}  // namespace

struct Expression::Compiled {
  Code code;
  /// Ours backtrack no more than once over a run: a limit would only refuse long runs.
  std::uint32_t match_limit = UINT32_MAX;
};

namespace {

/// Null, and why.
Code compile(std::string_view pattern, int& error) {
  const std::string unicode = with_unicode_spaces(pattern);
  std::size_t offset = 0;
  // Without \C, matches end between characters.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
  return Code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(unicode.data()), unicode.size(), kOptions, &error, &offset, nullptr));
}

}  // namespace

Expression::Expression(std::string_view pattern) {
  int error = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code = compile(pattern, error);
  if (compiled->code == nullptr) throw regex_error("cannot compile a pre-tokenizer", error);
  // Without a just-in-time compiler the interpreter does the same, slowly.
  pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);
  compiled_ = std::move(compiled);
}

std::optional<Expression> Expression::of_file(std::string_view pattern) {
  constexpr std::size_t kMaxBytes = 8192;
  constexpr std::uint32_t kMatchLimit = 4000;
  if (pattern.size() > kMaxBytes) return std::nullopt;
  int error = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code = compile(pattern, error);
  if (compiled->code == nullptr) return std::nullopt;
  compiled->match_limit = kMatchLimit;
  Expression expression;
  expression.compiled_ = std::move(compiled);
  return expression;
}

Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

std::vector<std::string_view> Expression::split(const std::vector<std::string_view>& pieces) const {
  const MatchData data(pcre2_match_data_create(1, nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), compiled_->match_limit);

  std::vector<std::string_view> finer;
  for (const std::string_view piece : pieces) {
    std::size_t done = 0;
    for (std::size_t from = 0; from < piece.size();) {
      // The text was checked to be well-formed; pieces end between characters.
      const int result = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(piece.data()), piece.size(),
                                     from, PCRE2_NO_UTF_CHECK, data.get(), context.get());
      if (result == PCRE2_ERROR_NOMATCH) break;
      const std::size_t begin = pcre2_get_ovector_pointer(data.get())[0];
      const std::size_t end = pcre2_get_ovector_pointer(data.get())[1];
      if (result < 0 || begin < done || end < begin) {
        const bool is_ours = compiled_->match_limit == UINT32_MAX;
        throw regex_error("a pre-tokenizer gave up", result, is_ours ? ErrorKind::internal : ErrorKind::unsupported);
      }
      if (begin > done) finer.push_back(piece.substr(done, begin - done));
      if (end > begin) finer.push_back(piece.substr(begin, end - begin));
      done = end;
      from = end > begin || end == piece.size() ? end : end + decode_utf8(piece, end).size_bytes;
    }
    if (done < piece.size()) finer.push_back(piece.substr(done));
  }
  return finer;
}

}  // namespace assay::tokenizer

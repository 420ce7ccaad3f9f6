// UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7); the vectors are what Python's strict
// decoder says.
#include "base/text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace assay {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kNone = std::string_view::npos;

struct Vector {
  std::string_view text;
  std::size_t invalid_at;  ///< UnicodeDecodeError.start, kNone when it decodes
};

TEST(Utf8, FindsTheFirstIllFormedByte) {
  const Vector kVectors[] = {
      {"", kNone},
      {"plain\0text\x7F"sv, kNone},
      {"\xC2\x80"sv, kNone},          // U+0080
      {"\xDF\xBF"sv, kNone},          // U+07FF
      {"\xE0\xA0\x80"sv, kNone},      // U+0800
      {"\xED\x9F\xBF"sv, kNone},      // U+D7FF, last before the surrogates
      {"\xEE\x80\x80"sv, kNone},      // U+E000, first after them
      {"\xEF\xBF\xBF"sv, kNone},      // U+FFFF
      {"\xF0\x90\x80\x80"sv, kNone},  // U+10000
      {"\xF4\x8F\xBF\xBF"sv, kNone},  // U+10FFFF
      {"\x80"sv, 0},                  // continuation without a lead
      {"a\xBF"sv, 1},
      {"\xC0\x80"sv, 0},          // overlong U+0000
      {"\xC1\xBF"sv, 0},          // overlong U+007F
      {"\xE0\x9F\xBF"sv, 0},      // overlong U+07FF
      {"\xF0\x8F\xBF\xBF"sv, 0},  // overlong U+FFFF
      {"\xED\xA0\x80"sv, 0},      // U+D800
      {"\xED\xBF\xBF"sv, 0},      // U+DFFF
      {"\xF4\x90\x80\x80"sv, 0},  // U+110000
      {"\xF5\x80\x80\x80"sv, 0},
      {"\xFF"sv, 0},
      {"\xFE"sv, 0},
      {"ab\xC3"sv, 2},  // cut short
      {"ab\xE2\x82"sv, 2},
      {"ab\xF0\x9F\x98"sv, 2},
      {"\xE2\x28\xA1"sv, 0},  // a letter where a continuation should be
      {"\xE2\x82\x28"sv, 0},
      {"\xF0\x9F\x98\x80\xF0\x9F\x98"sv, 4},
      {"\xC3\xA9\xC3"sv, 2},
  };
  for (const Vector& vector : kVectors) {
    EXPECT_EQ(find_invalid_utf8(vector.text), vector.invalid_at) << printable(vector.text);
  }
}

TEST(Utf8, EveryCodePointSurvivesEncodingAndDecoding) {
  for (char32_t point = 0; point <= 0x10FFFF; ++point) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::string text;
    append_utf8(point, text);
    const CodePoint decoded = decode_utf8(text, 0);
    ASSERT_EQ(decoded.value, point);
    ASSERT_EQ(decoded.size_bytes, text.size());
    ASSERT_EQ(text.size(), point < 0x80 ? 1U : point < 0x800 ? 2U : point < 0x10000 ? 3U : 4U);
  }
}

TEST(Utf8, AnIllFormedByteIsOneStep) {
  const CodePoint point = decode_utf8("a\xE2\x82"sv, 1);
  EXPECT_EQ(point.value, kInvalidCodePoint);
  EXPECT_EQ(point.size_bytes, 1U);
}

TEST(Utf8, CompletePrefixWaitsOnlyForWhatCanBecomeACharacter) {
  const struct {
    std::string_view text;
    std::size_t prefix;
  } kVectors[] = {
      {"", 0},
      {"ab", 2},
      {"ab\xC3"sv, 2},
      {"ab\xC3\xA9"sv, 4},
      {"\xE2"sv, 0},
      {"\xE2\x82"sv, 0},
      {"\xE2\x82\xAC"sv, 3},
      {"\xF0\x9F\x98"sv, 0},
      {"\xF0\x9F\x98\x80"sv, 4},
      // Nothing can complete these: they pass, to be replaced.
      {"\x80\x80"sv, 2},
      {"\xFF"sv, 1},
      {"\xC0"sv, 1},
      {"\xED\xA0"sv, 2},
      {"\xF4\x90"sv, 2},
      {"\xE0\x80"sv, 2},
      {"\xC3\xA9\x80\x80\x80\x80"sv, 6},
  };
  for (const auto& vector : kVectors) {
    EXPECT_EQ(complete_utf8_prefix(vector.text), vector.prefix) << printable(vector.text);
  }
}

TEST(Utf8, ReplacesEveryIllFormedByte) {
  EXPECT_EQ(replace_invalid_utf8("a\xFFz\xC3\xA9"sv), "a\xEF\xBF\xBDz\xC3\xA9");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"sv), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(find_invalid_utf8(replace_invalid_utf8("\xF0\x9F\x98 \x80\xE2"sv)), kNone);
}

TEST(Printable, IsOneLineOfAtMostSoManyCharacters) {
  EXPECT_EQ(printable("a\n\t\r\x01\x7F\xFF\xC3\xA9"sv), "a\\n\\t\\r\\x01\\x7f\\xff\xC3\xA9");
  EXPECT_EQ(printable("\xC2\x9B[2J\xE2\x80\xA8\xC2\xA0"), "\\u009b[2J\\u2028\xC2\xA0");
  EXPECT_EQ(printable("abcdef", 3), "abc\xE2\x80\xA6");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("\xC3\xA9\xC3\xA9\xC3\xA9"sv, 2), "\xC3\xA9\xC3\xA9\xE2\x80\xA6");
}

TEST(Trim, TakesWhiteSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(HumanBytes, HasDecimalUnits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(999'949), "999.9 kB");
  EXPECT_EQ(human_bytes(999'950), "1.0 MB");
  EXPECT_EQ(human_bytes(14'100'000), "14.1 MB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18.4 EB");
}

}  // namespace
}  // namespace assay

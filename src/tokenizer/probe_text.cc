#include "tokenizer/probe_text.h"

#include <string_view>

namespace assay::tokenizer {

std::string probe_of_runs() {
  constexpr std::string_view kTexts[] = {
      "it's IT'S we'll WE'LL I'm you're you've he'd don't 't'T a'\u017f ",
      "1 12 123 1234 12345 123456 1234567 12345678 a1b12c123d1234e 12a 123_ 1234\u0301 3.14159 1,234,567 x=12345;",
      "\u0661\u0662\u0663\u0664\u0665 \u00bd\u00bc\u2460\u2461 ",
      "HelloWorld helloWORLD XMLHttp \u00c9t\u00e9 ABCdef \u0410\u0411\u0432\u0433 ",
      "a b  c   d    e     f      g        h                 i                                   j",
      "x\n\ny\r\n\r\nz \n \n  w\n\n\n\n   \n\tv \t\t u ...\n\n//\n;\r\n ",
      "foo.bar(baz)->qux[0] += {\"k\": 'v'}; // !!! ??? ### ``` ~~~ |x| a|b <p> <= >= == != && || @user #tag %d ^_^ ",
      "\u4f60\u597d\uff0c\u4e16\u754c\uff01\u3053\u3093\u306b\u3061\u306f\u30c6\u30b9\u30c8\u3001\u6f22\u5b57\u4ea4"
      "\u3058\u308a\u6587\u300d ",
      "\uc548\ub155\ud558\uc138\uc694 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947\u0964 "
      "\u0645\u0631\u062d\u0628\u0627\u060c ",
      "IMGIMGABCZ <sentinel:12> naive\u0308 e\u0301a\u200cb\u200dc\u00ad \U0001F468\u200d\U0001F469 ",
      "\u00a0x\u2003y\u2028z\u180e \ufb01 \u1e9e \u2160\u2161 \u2603\ufe0f "};
  std::string runs;
  for (const std::string_view text : kTexts) runs += text;
  constexpr std::size_t kLongRun = 700;
  return runs.append(kLongRun, ' ').append("x   ");
}

std::string probe_of_threes() {
  // Letters of both cases and of none, marks, digits of several kinds, symbols, joiners, spaces, an emoji.
  constexpr std::string_view kCharacters[] = {
      "a",      "B",      "\u00e9", "\u01c5", "\u02b0", "\u4e2d", "\u3005", "\u3042", "\u30fc", "\ud55c", "\u3131",
      "\u0e01", "\u0627", "\u0301", "1",      "\u00b2", "\u0663", "\u2167", "_",      "/",      "'",      "(",
      "\u3002", "\u2026", "$",      "`",      " ",      "\u3000", "\t",     "\n",     "\r",     "\u200d", "\U0001F600"};
  std::string threes;
  for (const std::string_view first : kCharacters) {
    for (const std::string_view second : kCharacters) {
      for (const std::string_view third : kCharacters) threes.append(first).append(second).append(third);
    }
  }
  return threes;
}

}  // namespace assay::tokenizer

// The published test vectors of five vocabularies: texts between lines "__ggml_vocab_test__", and one line of ids for
// each.
#include <algorithm>
#include <filesystem>
#include <sstream>

#include <gtest/gtest.h>

#include "base/file.h"
#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {
namespace {

std::vector<std::string> split(const std::string& text, std::string_view separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, begin)) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

class Vectors : public testing::TestWithParam<const char*> {};

TEST_P(Vectors, IdsAreEqualAndTextsComeBack) {
  const std::filesystem::path path =
      std::filesystem::path(ASSAY_DATA) / "vocab" / (std::string("ggml-vocab-") + GetParam() + ".gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const gguf::File file = gguf::File::open(path);
  const auto tokenizer = Tokenizer::from_gguf(file);
  const auto texts = split(read_file(path.string() + ".inp", 1 << 20), "\n__ggml_vocab_test__\n");
  const auto lines = split(read_file(path.string() + ".out", 1 << 20), "\n");
  ASSERT_GE(lines.size(), texts.size());
  ASSERT_EQ(texts.size(), 47U);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<Token> expected;
    std::istringstream line(lines[i]);
    for (Token id = 0; line >> id;) expected.push_back(id);
    const std::vector<Token> ids = tokenizer->encode(texts[i], {.add_special = false, .parse_special = false});
    EXPECT_EQ(ids, expected) << texts[i];
    EXPECT_EQ(tokenizer->decode(ids), texts[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Published, Vectors,
                         testing::Values("deepseek-llm", "falcon", "gpt-2", "llama-spm", "starcoder"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace assay::tokenizer

// tokenizer_seeds FOLDER: a text of many kinds of characters for each vocabulary of the target, and two vocabularies.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "base/file.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const std::filesystem::path folder = argv[1];
    const std::string text =
        "Aa aaaa  it's WE'LL 12345 3.14\n\n\t \r\n<|a|><|a|>\u00e9x \u4f60\u597d\u3000\U0001F600 \xff\xed\xa0\x80 "
        "\u2581";
    const std::string vocabulary = "Ia\nIb\nIab\nCc\nDuser\nF<0x0A>\nIa b\nB?\n";
    // The first byte's high bit is a flag, the rest modulo 16 the choice.
    for (const int choice : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 128, 133, 135, 136, 137, 138}) {
      assay::OutputFile file(folder / std::to_string(choice));
      file.write(std::string(1, static_cast<char>(choice)) + (choice % 16 < 10 ? text : vocabulary));
      file.commit();
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tokenizer_seeds: %s\n", error.what());
    return 1;
  }
}

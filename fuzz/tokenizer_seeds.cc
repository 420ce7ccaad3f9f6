// tokenizer_seeds FOLDER: a text of many kinds of characters for each vocabulary of the target, two vocabularies and a
// normalisation.
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
    // A trie of 256 nodes, in which "a" has a value: the place of "bc".
    std::string charsmap(4 + 4 * 256, '\0');
    charsmap[1] = 4;
    const auto set_node = [&](std::size_t node, unsigned value) {
      for (std::size_t i = 0; i < 4; ++i) charsmap[4 + 4 * node + i] = static_cast<char>(value >> (8 * i));
    };
    set_node(0, 1U << 10);
    set_node('a' ^ 1, 'a' | 1U << 8 | 2U << 10);
    set_node('a' ^ 1 ^ 2, 1U << 31 | 1);
    charsmap += std::string("\0bc\0a", 5) + std::string(1, '\0');
    // The first byte's high bit is a flag, the rest modulo 16 the choice.
    for (const int choice : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 128, 133, 135, 140, 141, 143}) {
      assay::OutputFile file(folder / std::to_string(choice));
      file.write(std::string(1, static_cast<char>(choice)) + (choice % 16 < 14    ? text
                                                              : choice % 16 == 14 ? charsmap
                                                                                  : vocabulary));
      file.commit();
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tokenizer_seeds: %s\n", error.what());
    return 1;
  }
}

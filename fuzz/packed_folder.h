// The files of a Hugging Face folder as one input of a fuzz target: for each the byte 30, a letter for its name ('a' is
// the first of kFolderFiles), and its contents up to the next such pair.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace assay::fuzz {

inline constexpr std::array<std::string_view, 9> kFolderFiles = {
    "config.json",           "tokenizer.json",         "tokenizer.model",
    "tokenizer_config.json", "generation_config.json", "model.safetensors.index.json",
    "model.safetensors",     "a.safetensors",          "chat_template.jinja"};

inline constexpr char kSeparator = 30;

inline std::map<std::string_view, std::string_view> unpacked(std::string_view packed) {
  std::map<std::string_view, std::string_view> files;
  const auto index_at = [&](std::size_t at) {
    return at + 1 < packed.size() && packed[at] == kSeparator ? static_cast<std::size_t>(packed[at + 1] - 'a')
                                                              : kFolderFiles.size();
  };
  for (std::size_t at = 0; at < packed.size();) {
    const std::size_t file = index_at(at);
    std::size_t end = at + 1;
    while (end < packed.size() && index_at(end) >= kFolderFiles.size()) ++end;
    if (file < kFolderFiles.size()) files[kFolderFiles[file]] = packed.substr(at + 2, end - at - 2);
    at = end;
  }
  return files;
}

inline std::string packed(const std::map<std::string, std::string>& files) {
  std::string packed;
  for (std::size_t i = 0; i < kFolderFiles.size(); ++i) {
    const auto found = files.find(std::string(kFolderFiles[i]));
    if (found == files.end()) continue;
    packed += kSeparator;
    packed += static_cast<char>('a' + i);
    packed += found->second;
  }
  return packed;
}

}  // namespace assay::fuzz

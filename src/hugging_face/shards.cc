#include "hugging_face/shards.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "hugging_face/settings.h"

namespace assay::hugging_face {
namespace {

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kWhole = "model.safetensors";
constexpr std::size_t kMaxIndexBytes = std::size_t{64} << 20;

/// Tensor -> name of its file in the folder.
std::map<std::string, std::string> read_index(const std::filesystem::path& folder) {
  const Settings index = Settings::read(folder / kIndex, kMaxIndexBytes);
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : index.object("weight_map").items()) {
    if (!file.is_string()) index.refuse("weight_map", fmt::format("has no file for '{}'", printable(tensor)));
    const auto& name = file.get_ref<const std::string&>();
    constexpr std::string_view kOutside("/\\\0", 3);
    if (name.empty() || name.find_first_of(kOutside) != std::string::npos || name == "." || name == "..") {
      index.refuse("weight_map", fmt::format("says that '{}' is in '{}', which is no file of the folder",
                                             printable(tensor), printable(name)));
    }
    files.emplace(tensor, name);
  }
  return files;
}

std::set<std::string> all_safetensors(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") names.insert(entry.path().filename().string());
  }
  if (names.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: a folder without *.safetensors files", folder.string()),
                "Checkpoints in pytorch_model.bin are not read: fetch the model's safetensors files.");
  }
  return names;
}

}  // namespace

std::vector<gguf::SafetensorsFile> open_shards(const std::filesystem::path& folder) {
  std::map<std::string, std::string> index;
  std::set<std::string> names;
  if (std::filesystem::exists(folder / kIndex)) {
    index = read_index(folder);
    for (const auto& [tensor, file] : index) names.insert(file);
  } else if (std::filesystem::exists(folder / kWhole)) {
    names.insert(kWhole);
  } else {
    names = all_safetensors(folder);
  }
  std::vector<gguf::SafetensorsFile> shards;
  std::map<std::string_view, const std::string*> seen;
  shards.reserve(names.size());
  for (const std::string& name : names) {
    std::error_code error;  // a name may be too long for any file
    if (!index.empty() && !std::filesystem::exists(folder / name, error)) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: {} names {}, which is not there", folder.string(), kIndex, printable(name)),
                  "Fetch the missing file, or copy it beside the others.");
    }
    shards.push_back(gguf::SafetensorsFile::open(folder / name));
    for (const gguf::SafeTensor& tensor : shards.back().tensors()) {
      const auto [place, is_new] = seen.emplace(tensor.name, &name);
      if (is_new) continue;
      throw Error(ErrorKind::input,
                  fmt::format("{}: tensor '{}' is in {} and in {}", folder.string(), printable(tensor.name),
                              *place->second, name),
                  "Do the files in the folder belong to one model?");
    }
  }
  for (const auto& [tensor, file] : index) {
    const auto found = seen.find(tensor);
    if (found != seen.end() && *found->second == file) continue;
    throw Error(ErrorKind::input,
                fmt::format("{}: {} says that tensor '{}' is in {}, but it is not", folder.string(), kIndex,
                            printable(tensor), printable(file)),
                "The index and the files are of different models, or a file is not whole: fetch them again.");
  }
  return shards;
}

}  // namespace assay::hugging_face

#include "cli/model_argument.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/default_model.h"
#include "cli/model_source.h"
#include "cli/terminal.h"
#include "hugging_face/folder.h"

namespace assay::cli {
namespace {

gguf::File open_pulled(const std::string& model, const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    throw Error(ErrorKind::input, fmt::format("the model {} is not here yet", model),
                fmt::format("Fetch it: assay pull {}", model));
  }
  return gguf::File::open(path);
}

/// All matrices that the folder's files do not hold as they are wanted are made here.
gguf::File open_folder(const std::string& path) {
  hugging_face::Folder folder = hugging_face::Folder::open(path, "");
  for (const std::string& note : folder.notes) print_note(fmt::format("{}: {}", printable(path), note));
  Progress progress("read", folder.model.size_bytes(), Progress::Unit::bytes);
  std::uint64_t done = 0;
  for (const gguf::Tensor& tensor : folder.model.tensors()) {
    folder.maker->make(tensor);
    progress.update(done += tensor.data.size());
  }
  return std::move(folder.model);
}

}  // namespace

void add_model_argument(CommandLine& line, std::string& model) {
  line.add_option(
      "model", model,
      "Path of a GGUF file or Hugging Face folder, short name (kingjames, smollm2, gemma3) or pulled address; "
      "without it the built-in model");
}

gguf::File open_model_file(const std::string& model) {
  std::error_code error;
  if (model.empty()) return open_default_model();
  if (std::filesystem::is_regular_file(model, error)) return gguf::File::open(model);
  if (hugging_face::is_folder(model)) return open_folder(model);
  if (std::filesystem::is_directory(model, error)) {
    throw Error(ErrorKind::input, fmt::format("{}: a folder without config.json", printable(model)),
                "Give a GGUF file, or a Hugging Face folder with config.json, tokenizer.json and *.safetensors.");
  }
  if (model == kDefaultModelName) return open_default_model();
  if (const KnownModel* known = find_known_model(model)) return open_pulled(model, cached_path(*known));
  if (const auto remote = parse_remote(model)) return open_pulled(model, remote->cached);
  const bool looks_like_path = model.find('/') != std::string::npos || model.ends_with(".gguf");
  if (looks_like_path || std::filesystem::exists(model, error)) return gguf::File::open(model);
  std::string names(kDefaultModelName);
  for (const KnownModel& known : known_models()) names += fmt::format(", {}", known.name);
  throw Error(ErrorKind::usage, fmt::format("'{}' is neither a file nor a model that has a short name", model),
              fmt::format("Short names: {}.", names));
}

void check_not_input(const gguf::File& file, const std::string& output) {
  std::error_code error;
  if (output.empty() || !std::filesystem::equivalent(file.name(), output, error)) return;
  throw Error(ErrorKind::usage, fmt::format("{} is both input and output", printable(output)),
              "Give the output another name.");
}

}  // namespace assay::cli

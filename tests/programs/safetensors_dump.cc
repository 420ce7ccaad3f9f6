// safetensors_dump FILE... [--copy OUT]: for every file one JSON line, its metadata and tensors with all values, or its
// error. With --copy the last file is written again, in small pieces from the last tensor to the first.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "gguf/safetensors.h"
#include "gguf/safetensors_writer.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)
using Json = nlohmann::ordered_json;

Json describe(const gguf::SafetensorsFile& file) {
  Json tensors = Json::array();
  for (const gguf::SafeTensor& tensor : file.tensors()) {
    std::vector<double> values(static_cast<std::size_t>(tensor.values()));
    gguf::read_values(tensor, 0, values.size(), values.data());
    Json texts = Json::array();
    for (const double value : values) texts.push_back(fmt::format("{}", value));  // NaN and infinities too
    tensors.push_back(
        {{"name", tensor.name}, {"dtype", gguf::name(tensor.dtype)}, {"shape", tensor.shape}, {"values", texts}});
  }
  return {{"metadata", file.metadata()}, {"tensors", tensors}};
}

void copy(const gguf::SafetensorsFile& file, const std::filesystem::path& out) {
  std::vector<gguf::SafetensorsWriter::Declaration> declarations;
  for (const gguf::SafeTensor& tensor : file.tensors()) {
    declarations.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  gguf::SafetensorsWriter writer(out, declarations, {file.metadata().begin(), file.metadata().end()});
  constexpr std::size_t kPiece = 7;
  for (std::size_t i = file.tensors().size(); i-- > 0;) {
    const auto data = file.tensors()[i].data;
    for (std::size_t at = 0; at < data.size(); at += kPiece) {
      writer.write(i, at, data.subspan(at, std::min(kPiece, data.size() - at)));
    }
  }
  writer.commit();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i) {
      if (argv[i] == std::string_view("--copy")) {
        copy(gguf::SafetensorsFile::open(argv[i - 1]), argv[i + 1]);
        break;
      }
      Json line;
      try {
        line = describe(gguf::SafetensorsFile::open(argv[i]));
      } catch (const Error& error) {
        line = {{"error", error.what()}};
      }
      std::puts(line.dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}

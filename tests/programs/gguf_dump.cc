// gguf_dump FILE [COPY]: prints what our reader sees of a GGUF file as JSON; with COPY also writes it anew with our
// writer. Strings are hexadecimal bytes and floats are text, so that nothing is lost on the way.
#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/writer.h"

namespace {

namespace gguf = assay::gguf;
using nlohmann::json;

std::string hexadecimal(std::string_view text) {
  std::string digits;
  for (const char c : text) fmt::format_to(std::back_inserter(digits), "{:02x}", static_cast<unsigned char>(c));
  return digits;
}

json value_json(const gguf::Value& value) {
  if (const auto* array = std::get_if<gguf::Array>(&value.data)) {
    json elements = json::array();
    for (std::uint64_t i = 0; i < array->count; ++i) elements.push_back(value_json(element(*array, i)));
    return {{"of", name(array->element_type)}, {"elements", std::move(elements)}};
  }
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return hexadecimal(*text);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  return std::get<std::uint64_t>(value.data);
}

json tensor_json(const gguf::Tensor& tensor) {
  // Two sums that numpy takes as well; the second one sees the order.
  std::uint64_t sum = 0, weighted_sum = 0;
  for (std::size_t i = 0; i < tensor.data.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(tensor.data[i]);
    sum += byte;
    weighted_sum += byte * (i + 1);
  }
  return {{"name", hexadecimal(tensor.name)},
          {"type", tensor.type->id},
          {"ne", tensor.ne},
          {"size_bytes", tensor.data.size()},
          {"sums", json({sum, weighted_sum})}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  try {
    const gguf::File file = gguf::File::open(argv[1]);
    json metadata = json::array();
    for (const auto& [key, value] : file.metadata()) {
      metadata.push_back({{"key", hexadecimal(key)}, {"type", name(value.type)}, {"value", value_json(value)}});
    }
    json tensors = json::array();
    for (const gguf::Tensor& tensor : file.tensors()) tensors.push_back(tensor_json(tensor));
    fmt::print("{}\n", json({{"version", file.version()},
                             {"alignment", file.alignment()},
                             {"metadata", std::move(metadata)},
                             {"tensors", std::move(tensors)}})
                           .dump());
    if (argc > 2) {
      gguf::Writer writer;
      for (const auto& [key, value] : file.metadata()) writer.add(key, value);
      for (const gguf::Tensor& tensor : file.tensors()) {
        writer.add_tensor(tensor.name, *tensor.type, tensor.ne, tensor.data);
      }
      writer.write(argv[2]);
    }
  } catch (const assay::Error& error) {
    fmt::print(stderr, "{}\n{}\n", error.what(), error.hint());
    return exit_code(error.kind());
  }
  return 0;
}

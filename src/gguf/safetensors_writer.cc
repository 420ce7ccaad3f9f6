#include "gguf/safetensors_writer.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace assay::gguf {
namespace {

/// The data begins on a cache line.
constexpr std::size_t kAlignment = 64;

std::uint64_t tensor_bytes(const SafetensorsWriter::Declaration& tensor) {
  std::uint64_t bytes = size_bytes(tensor.dtype);
  for (const std::uint64_t length : tensor.shape) bytes *= length;
  return bytes;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<Declaration> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path), places_(tensors.size()) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_bytes(tensors[a].dtype) > size_bytes(tensors[b].dtype);
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::map<std::string_view, int> names;
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    if (++names[tensors[i].name] > 1) {
      throw Error(ErrorKind::usage, fmt::format("tensor '{}': added twice", printable(tensors[i].name)));
    }
    places_[i] = {end, tensor_bytes(tensors[i])};
    end += places_[i].size_bytes;
    // push_back: looking for the name, as operator[] does, would take quadratic time.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        tensors[i].name, nlohmann::ordered_json{{"dtype", name(tensors[i].dtype)},
                                                {"shape", tensors[i].shape},
                                                {"data_offsets", {places_[i].offset, end}}});
  }
  using ErrorHandler = nlohmann::ordered_json::error_handler_t;
  std::string text = header.dump(-1, ' ', false, ErrorHandler::replace);
  constexpr std::size_t kLengthBytes = 8;
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  const std::uint64_t header_bytes = text.size();
  file_.write(std::as_bytes(std::span(&header_bytes, 1)));
  file_.write(text);
  for (Place& place : places_) place.offset += kLengthBytes + header_bytes;
}

void SafetensorsWriter::write(std::size_t index, std::uint64_t offset, std::span<const std::byte> bytes) {
  Place& place = places_[index];
  assert(offset + bytes.size() <= place.size_bytes);
  file_.write_at(place.offset + offset, bytes);
  place.written += bytes.size();
}

void SafetensorsWriter::commit() {
  assert(std::all_of(places_.begin(), places_.end(), [](const Place& p) { return p.written == p.size_bytes; }));
  file_.commit();
}

}  // namespace assay::gguf

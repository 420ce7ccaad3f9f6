#include "gguf/writer.h"

#include <cassert>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "gguf/metadata.h"
#include "gguf/pairs.h"
#include "gguf/tensor_infos.h"

namespace assay::gguf {
namespace {

constexpr std::uint32_t kVersion = 3;

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, std::span<const std::byte> more) {
  if (more.empty()) return;
  const std::size_t at = bytes.size();
  bytes.resize(at + more.size());
  std::memcpy(bytes.data() + at, more.data(), more.size());
}

template <typename T>
void append_number(Bytes& bytes, T number) {
  append(bytes, std::as_bytes(std::span(&number, 1)));
}

void append_string(Bytes& bytes, std::string_view text) {
  append_number(bytes, std::uint64_t{text.size()});
  append(bytes, std::as_bytes(std::span(text)));
}

void append_type(Bytes& bytes, ValueType type) { append_number(bytes, static_cast<std::uint32_t>(type)); }

/// Checked before anything is appended, so that a refused value leaves no trace.
void check_depth(std::string_view key, const Value& value, int depth) {
  const auto* array = std::get_if<Array>(&value.data);
  if (array == nullptr) return;
  if (depth == kMaxArrayDepth) {
    throw Error(ErrorKind::usage,
                fmt::format("key '{}': arrays nested more than {} deep", printable(key), kMaxArrayDepth));
  }
  for (const Value& inner : array->arrays) check_depth(key, inner, depth + 1);
}

void append_value(Bytes& bytes, const Value& value);

void append_array(Bytes& bytes, const Array& array) {
  append_type(bytes, array.element_type);
  append_number(bytes, array.count);
  append(bytes, array.numbers);
  for (const std::string_view text : array.strings) append_string(bytes, text);
  for (const Value& inner : array.arrays) append_value(bytes, inner);
}

void append_value(Bytes& bytes, const Value& value) {
  if (const auto* array = std::get_if<Array>(&value.data)) return append_array(bytes, *array);
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return append_string(bytes, *text);
  if (value.type == ValueType::float32) return append_number(bytes, static_cast<float>(std::get<double>(value.data)));
  if (value.type == ValueType::float64) return append_number(bytes, std::get<double>(value.data));
  // Little-endian: an integer of fewer bytes is the head of the wide one.
  std::uint64_t integer = 0;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
    integer = static_cast<std::uint64_t>(*number);
  } else {
    integer = std::get<std::uint64_t>(value.data);
  }
  append(bytes, std::as_bytes(std::span(&integer, 1)).first(size_bytes(value.type)));
}

Value number_array(ValueType type, std::uint64_t count, std::span<const std::byte> numbers) {
  Array array;
  array.element_type = type;
  array.count = count;
  array.numbers = numbers;
  return {ValueType::array, std::move(array)};
}

}  // namespace

void Writer::add_uint(std::string_view key, std::uint32_t value) {
  add(key, {ValueType::uint32, std::uint64_t{value}});
}
void Writer::add_float(std::string_view key, float value) { add(key, {ValueType::float32, double{value}}); }
void Writer::add_bool(std::string_view key, bool value) { add(key, {ValueType::boolean, std::uint64_t{value}}); }
void Writer::add_string(std::string_view key, std::string_view value) { add(key, {ValueType::string, value}); }

void Writer::add_strings(std::string_view key, std::span<const std::string> values) {
  Array array;
  array.element_type = ValueType::string;
  array.count = values.size();
  array.strings.assign(values.begin(), values.end());
  add(key, {ValueType::array, std::move(array)});
}

void Writer::add_ints(std::string_view key, std::span<const std::int32_t> values) {
  add(key, number_array(ValueType::int32, values.size(), std::as_bytes(values)));
}

void Writer::add_floats(std::string_view key, std::span<const float> values) {
  add(key, number_array(ValueType::float32, values.size(), std::as_bytes(values)));
}

void Writer::add(std::string_view key, const Value& value) {
  if (key.empty() || key.size() > kMaxKeyBytes) {
    throw Error(ErrorKind::usage, fmt::format("a metadata key of {} bytes, must be 1 to {}", key.size(), kMaxKeyBytes));
  }
  check_depth(key, value, 0);
  if (key == kAlignmentKey) {
    const auto* alignment = std::get_if<std::uint64_t>(&value.data);
    if (value.type != ValueType::uint32 || alignment == nullptr || !is_alignment(*alignment)) {
      throw Error(ErrorKind::usage, fmt::format("key '{}': must be a uint32, a power of two from {} to {}", key,
                                                kMinAlignment, kMaxAlignment));
    }
  }
  if (!keys_.emplace(key).second) throw Error(ErrorKind::usage, fmt::format("key '{}': added twice", printable(key)));
  if (key == kAlignmentKey) alignment_ = static_cast<std::uint32_t>(std::get<std::uint64_t>(value.data));
  append_string(metadata_, key);
  append_type(metadata_, value.type);
  append_value(metadata_, value);
}

void Writer::add_tensor(std::string_view name, const quant::Type& type, std::vector<std::uint64_t> ne,
                        std::span<const std::byte> data) {
  const auto size_bytes = ne.empty() || ne[0] % type.block_values != 0 ? std::nullopt : tensor_bytes(type, ne);
  if (size_bytes && *size_bytes != data.size()) {
    throw Error(ErrorKind::usage, fmt::format("tensor '{}': {} bytes of data for {} values of {}", printable(name),
                                              data.size(), shape_text(ne), type.name));
  }
  add_tensor(name, type, std::move(ne));
  tensors_.back().data = data;
}

void Writer::add_tensor(std::string_view name, const quant::Type& type, std::vector<std::uint64_t> ne) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::usage, fmt::format("tensor '{}': {}", printable(name), problem));
  };
  if (name.empty() || name.size() > kMaxTensorNameBytes) {
    refuse(fmt::format("a name of {} bytes, must be 1 to {}", name.size(), kMaxTensorNameBytes));
  }
  if (ne.empty() || ne.size() > kMaxDimensions) {
    refuse(fmt::format("{} dimensions, must be 1 to {}", ne.size(), kMaxDimensions));
  }
  for (const std::uint64_t length : ne) {
    if (length == 0 || length > INT64_MAX) refuse(fmt::format("a dimension of {}", length));
  }
  if (ne[0] % type.block_values != 0) {
    refuse(
        fmt::format("rows of {} values, no multiple of the {} in a block of {}", ne[0], type.block_values, type.name));
  }
  const auto size_bytes = tensor_bytes(type, ne);
  if (!size_bytes) refuse(fmt::format("more than 2^64 bytes for {} values of {}", shape_text(ne), type.name));
  if (!tensor_names_.emplace(name).second) refuse("added twice");
  tensors_.push_back({std::string(name), &type, std::move(ne), *size_bytes, {}});
}

std::vector<std::byte> Writer::head() const {
  Bytes bytes;
  append(bytes, std::as_bytes(std::span(std::string_view("GGUF"))));
  append_number(bytes, kVersion);
  append_number(bytes, std::uint64_t{tensors_.size()});
  append_number(bytes, std::uint64_t{keys_.size()});
  append(bytes, metadata_);
  std::uint64_t offset = 0;
  for (const Info& info : tensors_) {
    append_string(bytes, info.name);
    append_number(bytes, static_cast<std::uint32_t>(info.ne.size()));
    for (const std::uint64_t length : info.ne) append_number(bytes, length);
    append_number(bytes, info.type->id);
    append_number(bytes, offset);
    offset = align_up(offset + info.size_bytes, alignment_);
  }
  bytes.resize(static_cast<std::size_t>(align_up(bytes.size(), alignment_)));
  return bytes;
}

void Writer::put_pieces(const DataOf& data_of, const std::function<void(std::span<const std::byte>)>& put) const {
  put(head());
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::uint64_t size_bytes = tensors_[i].size_bytes;
    const std::span<const std::byte> data = data_of(i);
    assert(data.size() == size_bytes);
    put(data);
    put(Bytes(static_cast<std::size_t>(align_up(size_bytes, alignment_) - size_bytes)));
  }
}

Writer::DataOf Writer::own_data() const {
  return [this](std::size_t index) { return tensors_[index].data; };
}

void Writer::write(const std::filesystem::path& path) const { write(path, own_data()); }

void Writer::write(const std::filesystem::path& path, const DataOf& data_of) const {
  OutputFile file(path);
  put_pieces(data_of, [&](std::span<const std::byte> piece) { file.write(piece); });
  file.commit();
}

std::vector<std::byte> Writer::bytes() const {
  Bytes bytes;
  put_pieces(own_data(), [&](std::span<const std::byte> piece) { append(bytes, piece); });
  return bytes;
}

}  // namespace assay::gguf

#include "gguf/value.h"

#include <array>
#include <cassert>
#include <cstring>

namespace assay::gguf {
namespace {

template <typename T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

std::string_view name(ValueType type) {
  constexpr std::array<std::string_view, 13> kNames = {"uint8",  "int8",    "uint16",  "int16",  "uint32",
                                                       "int32",  "float32", "boolean", "string", "array",
                                                       "uint64", "int64",   "float64"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : "invalid";
}

std::size_t size_bytes(ValueType type) {
  switch (type) {
    case ValueType::uint8:
    case ValueType::int8:
    case ValueType::boolean:
      return 1;
    case ValueType::uint16:
    case ValueType::int16:
      return 2;
    case ValueType::uint32:
    case ValueType::int32:
    case ValueType::float32:
      return 4;
    case ValueType::uint64:
    case ValueType::int64:
    case ValueType::float64:
      return 8;
    case ValueType::string:
    case ValueType::array:
      break;
  }
  return 0;
}

Value decode_number(ValueType type, const std::byte* bytes) {
  switch (type) {
    case ValueType::uint8:
    case ValueType::boolean:
      return {type, std::uint64_t{load<std::uint8_t>(bytes)}};
    case ValueType::uint16:
      return {type, std::uint64_t{load<std::uint16_t>(bytes)}};
    case ValueType::uint32:
      return {type, std::uint64_t{load<std::uint32_t>(bytes)}};
    case ValueType::uint64:
      return {type, load<std::uint64_t>(bytes)};
    case ValueType::int8:
      return {type, std::int64_t{load<std::int8_t>(bytes)}};
    case ValueType::int16:
      return {type, std::int64_t{load<std::int16_t>(bytes)}};
    case ValueType::int32:
      return {type, std::int64_t{load<std::int32_t>(bytes)}};
    case ValueType::int64:
      return {type, load<std::int64_t>(bytes)};
    case ValueType::float32:
      return {type, double{load<float>(bytes)}};
    case ValueType::float64:
      return {type, load<double>(bytes)};
    case ValueType::string:
    case ValueType::array:
      break;
  }
  assert(!"a number or boolean");
  return {};
}

Value element(const Array& array, std::uint64_t index) {
  assert(index < array.count);
  const auto at = static_cast<std::size_t>(index);
  if (array.element_type == ValueType::string) return {ValueType::string, array.strings[at]};
  if (array.element_type == ValueType::array) return array.arrays[at];
  return decode_number(array.element_type, array.numbers.data() + at * size_bytes(array.element_type));
}

}  // namespace assay::gguf

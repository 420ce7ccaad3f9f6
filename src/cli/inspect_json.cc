#include "cli/inspect_json.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownElements = 8;

template <typename Number>
Json numbers_to_json(std::span<const std::byte> bytes, std::size_t count) {
  Json list = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    Number number;
    std::memcpy(&number, bytes.data() + i * sizeof number, sizeof number);
    list.push_back(number);
  }
  return list;
}

Json first_numbers(const gguf::Array& array, std::size_t count) {
  using gguf::ValueType;
  const auto bytes = array.numbers;
  switch (array.element_type) {
    case ValueType::uint8:
      return numbers_to_json<std::uint8_t>(bytes, count);
    case ValueType::int8:
      return numbers_to_json<std::int8_t>(bytes, count);
    case ValueType::uint16:
      return numbers_to_json<std::uint16_t>(bytes, count);
    case ValueType::int16:
      return numbers_to_json<std::int16_t>(bytes, count);
    case ValueType::uint32:
      return numbers_to_json<std::uint32_t>(bytes, count);
    case ValueType::int32:
      return numbers_to_json<std::int32_t>(bytes, count);
    case ValueType::float32:
      return numbers_to_json<float>(bytes, count);
    case ValueType::uint64:
      return numbers_to_json<std::uint64_t>(bytes, count);
    case ValueType::int64:
      return numbers_to_json<std::int64_t>(bytes, count);
    case ValueType::float64:
      return numbers_to_json<double>(bytes, count);
    case ValueType::boolean: {
      Json list = Json::array();
      for (std::size_t i = 0; i < count; ++i) list.push_back(bytes[i] != std::byte{0});
      return list;
    }
    case ValueType::string:
    case ValueType::array:
      break;
  }
  return Json::array();
}

Json array_to_json(const gguf::Array& array) {
  const auto shown = static_cast<std::size_t>(std::min<std::uint64_t>(array.count, kShownElements));
  Json first = Json::array();
  if (array.element_type == gguf::ValueType::string) {
    for (std::size_t i = 0; i < shown; ++i) first.push_back(array.strings[i]);
  } else if (array.element_type == gguf::ValueType::array) {
    for (std::size_t i = 0; i < shown; ++i) first.push_back(to_json(array.arrays[i]));
  } else {
    first = first_numbers(array, shown);
  }
  return {{"element_type", gguf::name(array.element_type)}, {"count", array.count}, {"first", first}};
}

template <typename Integer>
Json integers_to_json(const Integer* integers, std::size_t count) {
  return std::vector<Integer>(integers, integers + count);
}

}  // namespace

Json to_json(const gguf::Value& value) {
  if (const auto* array = std::get_if<gguf::Array>(&value.data)) return array_to_json(*array);
  if (value.type == gguf::ValueType::boolean) return std::get<std::uint64_t>(value.data) != 0;
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  if (const auto* text = std::get_if<std::string_view>(&value.data)) return *text;
  const double number = std::get<double>(value.data);
  if (value.type == gguf::ValueType::float32) return static_cast<float>(number);
  return number;
}

Json to_json(const gguf::Tensor& tensor) {
  return {{"name", tensor.name},
          {"type", tensor.type->name},
          {"ne", tensor.ne},
          {"values", tensor.values()},
          {"size_bytes", tensor.data.size()},
          {"bits_per_value", tensor.type->bits_per_value()}};
}

Json to_json(const TensorStatistics& statistics) {
  Json json = {{"mean", statistics.mean},
               {"rms", statistics.rms},
               {"min", statistics.min},
               {"max", statistics.max},
               {"non_finite", statistics.non_finite},
               {"first_non_finite_block", nullptr},
               {"histogram", statistics.histogram}};
  if (statistics.first_non_finite_block) json["first_non_finite_block"] = *statistics.first_non_finite_block;
  return json;
}

Json block_to_json(const gguf::Tensor& tensor, std::uint64_t block) {
  const quant::Type& type = *tensor.type;
  if (!type.is_decodable()) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: blocks of type {} cannot be decoded", tensor.name, type.name));
  }
  const std::uint64_t blocks_a_row = tensor.row_values() / type.block_values;
  const std::byte* bytes = tensor.data.data() + static_cast<std::size_t>(block) * type.block_bytes;
  std::vector<float> values(type.block_values);
  type.decode(bytes, 1, values.data());
  Json json = {{"tensor", tensor.name},
               {"type", type.name},
               {"block", block},
               {"row", block / blocks_a_row},
               {"column", block % blocks_a_row * type.block_values},
               {"byte_offset", block * type.block_bytes},
               {"size_bytes", type.block_bytes}};
  if (type.take_apart != nullptr) {
    quant::BlockIntegers integers;
    type.take_apart(bytes, integers);
    const std::size_t groups = type.block_values / static_cast<std::size_t>(integers.group_values);
    json["d"] = integers.d;
    json["dmin"] = integers.dmin;
    json["group_values"] = integers.group_values;
    json["scales"] = integers_to_json(integers.scale, groups);
    json["mins"] = integers_to_json(integers.min, groups);
    json["quants"] = integers_to_json(integers.quant, type.block_values);
  }
  json["values"] = values;
  return json;
}

}  // namespace assay::cli

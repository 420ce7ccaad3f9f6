#include "gguf/pairs.h"

#include <fmt/format.h>

namespace assay::gguf {
namespace {

ValueType read_type(Cursor& cursor, const Field& field) {
  const std::uint64_t at = cursor.offset();
  const auto id = cursor.read<std::uint32_t>(field);
  if (id > static_cast<std::uint32_t>(ValueType::float64)) {
    cursor.refuse(at, field, fmt::format("{} is no type of value (0 to 12)", id));
  }
  return static_cast<ValueType>(id);
}

void check_booleans(const Cursor& cursor, std::span<const std::byte> bytes, std::uint64_t at, std::string_view key) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] > std::byte{1}) {
      cursor.refuse(at + i, {"value of key", key},
                    fmt::format("a boolean of {}, neither 0 nor 1", std::to_integer<int>(bytes[i])));
    }
  }
}

Value read_value(Cursor& cursor, ValueType type, std::string_view key, int depth);

/// What the array holds follows its element type and count; `depth` counts the arrays around and including this one.
Array read_array(Cursor& cursor, std::string_view key, int depth) {
  const std::uint64_t at = cursor.offset();
  Array array;
  array.element_type = read_type(cursor, {"element type of key", key});
  if (array.element_type == ValueType::array && depth == kMaxArrayDepth) {
    cursor.refuse(at, {"element type of key", key}, fmt::format("arrays nested more than {} deep", kMaxArrayDepth));
  }
  const Field count_field{"array length of key", key};
  const Field value_field{"value of key", key};
  switch (array.element_type) {
    case ValueType::string:
      array.count = cursor.read_count(cursor.length_bytes(), sizeof(std::string_view), count_field);
      array.strings.reserve(static_cast<std::size_t>(array.count));
      for (std::uint64_t i = 0; i < array.count; ++i) array.strings.push_back(cursor.read_string(value_field));
      break;
    case ValueType::array:
      array.count = cursor.read_count(sizeof(std::uint32_t) + cursor.length_bytes(), sizeof(Value), count_field);
      array.arrays.reserve(static_cast<std::size_t>(array.count));
      for (std::uint64_t i = 0; i < array.count; ++i) {
        array.arrays.push_back(read_value(cursor, ValueType::array, key, depth));
      }
      break;
    default: {
      // Not copied here; counted as what typed access makes of it.
      const std::size_t element_bytes = size_bytes(array.element_type);
      array.count = cursor.read_count(element_bytes, sizeof(std::int64_t), count_field);
      const std::uint64_t numbers_at = cursor.offset();
      array.numbers = cursor.take(array.count * element_bytes, value_field);
      if (array.element_type == ValueType::boolean) check_booleans(cursor, array.numbers, numbers_at, key);
    }
  }
  return array;
}

Value read_value(Cursor& cursor, ValueType type, std::string_view key, int depth) {
  const Field field{"value of key", key};
  if (type == ValueType::string) return {type, cursor.read_string(field)};
  if (type == ValueType::array) return {type, read_array(cursor, key, depth + 1)};
  const std::uint64_t at = cursor.offset();
  const auto bytes = cursor.take(size_bytes(type), field);
  if (type == ValueType::boolean) check_booleans(cursor, bytes, at, key);
  return decode_number(type, bytes.data());
}

}  // namespace

std::uint64_t read_pair_count(Cursor& cursor) {
  // A key of one letter, a type, a value of one byte.
  const std::size_t file_bytes = cursor.length_bytes() + 1 + sizeof(std::uint32_t) + 1;
  return cursor.read_count(file_bytes, sizeof(Pair) + kIndexEntryBytes, {"metadata_count"});
}

std::vector<Pair> read_pairs(Cursor& cursor, std::uint64_t count) {
  std::vector<Pair> pairs;
  pairs.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = cursor.offset();
    const std::string_view key = cursor.read_string({"metadata key"});
    if (key.empty()) cursor.refuse(at, {"metadata key"}, "is empty");
    if (key.size() > kMaxKeyBytes) {
      cursor.refuse(at, {"metadata key"},
                    fmt::format("{} bytes long, at most {} are allowed", key.size(), kMaxKeyBytes));
    }
    const ValueType type = read_type(cursor, {"type of key", key});
    pairs.emplace_back(key, read_value(cursor, type, key, 0));
  }
  return pairs;
}

}  // namespace assay::gguf

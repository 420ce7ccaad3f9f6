// Metadata values of a GGUF file. Arrays of numbers and strings are views into the file; nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace assay::gguf {

enum class ValueType : std::uint32_t {
  uint8 = 0,
  int8 = 1,
  uint16 = 2,
  int16 = 3,
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
  int64 = 11,
  float64 = 12,
};
std::string_view name(ValueType type);  ///< "uint32"
/// Bytes of a value of this type in a file; 0 for strings and arrays, which have no fixed size.
std::size_t size_bytes(ValueType type);

struct Value;

/// An array: `numbers` holds the raw little-endian elements of a numeric or boolean array (not necessarily aligned),
/// `strings` those of a string array, `arrays` those of an array of arrays.
struct Array {
  ValueType element_type = ValueType::uint8;
  std::uint64_t count = 0;
  std::span<const std::byte> numbers;
  std::vector<std::string_view> strings;
  std::vector<Value> arrays;
};

struct Value {
  ValueType type = ValueType::uint8;
  /// Unsigned integers and booleans as uint64, signed as int64, both floats as double (a float32 is exact there).
  std::variant<std::uint64_t, std::int64_t, double, std::string_view, Array> data;
};

/// Element `index` < array.count as a value of its own.
Value element(const Array& array, std::uint64_t index);

/// The value of a number or boolean from its size_bytes(type) bytes in a file.
Value decode_number(ValueType type, const std::byte* bytes);

}  // namespace assay::gguf

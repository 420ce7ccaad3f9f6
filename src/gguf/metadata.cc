#include "gguf/metadata.h"

#include <bit>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::gguf {
namespace {

constexpr std::string_view kWrongTypeHint = "The file was written by a faulty tool: convert or fetch the model again.";

bool is_integer(ValueType type) {
  switch (type) {
    case ValueType::uint8:
    case ValueType::int8:
    case ValueType::uint16:
    case ValueType::int16:
    case ValueType::uint32:
    case ValueType::int32:
    case ValueType::uint64:
    case ValueType::int64:
      return true;
    default:
      return false;
  }
}

bool is_number(ValueType type) { return is_integer(type) || type == ValueType::float32 || type == ValueType::float64; }

double to_double(const Value& number) {
  if (const auto* integer = std::get_if<std::uint64_t>(&number.data)) return static_cast<double>(*integer);
  if (const auto* integer = std::get_if<std::int64_t>(&number.data)) return static_cast<double>(*integer);
  return std::get<double>(number.data);
}

/// "array of string"
std::string full_name(const Value& value) {
  if (value.type != ValueType::array) return std::string(name(value.type));
  return fmt::format("array of {}", name(std::get<Array>(value.data).element_type));
}

}  // namespace

bool is_alignment(std::uint64_t value) {
  return std::has_single_bit(value) && value >= kMinAlignment && value <= kMaxAlignment;
}

Metadata::Metadata(Cursor& cursor, std::uint64_t count)
    : file_(cursor.file()),
      begin_(reinterpret_cast<const char*>(cursor.bytes().data())),
      pairs_(read_pairs(cursor, count)) {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const std::string_view key = pairs_[i].first;
    const auto [first, is_new] = index_.emplace(key, i);
    if (!is_new) {
      cursor.refuse(static_cast<std::uint64_t>(key.data() - begin_), {"metadata key", key},
                    fmt::format("duplicate of the key at byte {}", first->first.data() - begin_), kWrongTypeHint);
    }
  }
}

const Value* Metadata::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &pairs_[found->second].second;
}

std::optional<std::uint64_t> Metadata::get_uint(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_integer(value->type)) refuse_type(key, *value, "an unsigned integer");
  if (const auto* number = std::get_if<std::uint64_t>(&value->data)) return *number;
  const std::int64_t number = std::get<std::int64_t>(value->data);
  if (number < 0) {
    refuse(key, fmt::format("{} of type {}, must be an unsigned integer", number, name(value->type)), kWrongTypeHint);
  }
  return static_cast<std::uint64_t>(number);
}

std::optional<double> Metadata::get_float(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->type)) refuse_type(key, *value, "a number");
  return to_double(*value);
}

std::optional<bool> Metadata::get_bool(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != ValueType::boolean) refuse_type(key, *value, "a boolean");
  return std::get<std::uint64_t>(value->data) != 0;
}

std::optional<std::string_view> Metadata::get_string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != ValueType::string) refuse_type(key, *value, "a string");
  return std::get<std::string_view>(value->data);
}

const std::vector<std::string_view>* Metadata::get_strings(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return nullptr;
  const auto* array = std::get_if<Array>(&value->data);
  if (array == nullptr || array->element_type != ValueType::string) refuse_type(key, *value, "an array of strings");
  return &array->strings;
}

std::vector<float> Metadata::get_floats(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return {};
  const auto* array = std::get_if<Array>(&value->data);
  if (array == nullptr || !is_number(array->element_type)) refuse_type(key, *value, "an array of numbers");
  std::vector<float> floats(static_cast<std::size_t>(array->count));
  for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(to_double(element(*array, i)));
  return floats;
}

std::vector<std::int64_t> Metadata::get_ints(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return {};
  const auto* array = std::get_if<Array>(&value->data);
  if (array == nullptr || (!is_integer(array->element_type) && array->element_type != ValueType::boolean)) {
    refuse_type(key, *value, "an array of integers");
  }
  std::vector<std::int64_t> integers(static_cast<std::size_t>(array->count));
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const Value number = element(*array, i);
    if (const auto* large = std::get_if<std::uint64_t>(&number.data)) {
      if (*large > INT64_MAX) refuse(key, fmt::format("element {} is {}, past 2^63", i, *large), kWrongTypeHint);
      integers[i] = static_cast<std::int64_t>(*large);
    } else {
      integers[i] = std::get<std::int64_t>(number.data);
    }
  }
  return integers;
}

std::uint32_t Metadata::alignment() const {
  const Value* value = find(kAlignmentKey);
  if (value == nullptr) return kDefaultAlignment;
  if (value->type != ValueType::uint32) refuse_type(kAlignmentKey, *value, "uint32");
  const std::uint64_t alignment = std::get<std::uint64_t>(value->data);
  if (!is_alignment(alignment)) {
    refuse(kAlignmentKey,
           fmt::format("{}, must be a power of two from {} to {}", alignment, kMinAlignment, kMaxAlignment),
           kDamagedHint);
  }
  return static_cast<std::uint32_t>(alignment);
}

void Metadata::refuse(std::string_view key, const std::string& problem, std::string_view hint) const {
  const std::string_view stored = pairs_[index_.at(key)].first;
  throw Error(ErrorKind::input,
              fmt::format("{}: key '{}' (byte {}): {}", file_, printable(stored), stored.data() - begin_, problem),
              std::string(hint));
}

void Metadata::refuse_type(std::string_view key, const Value& value, std::string_view wanted) const {
  refuse(key, fmt::format("of type {}, must be {}", full_name(value), wanted), kWrongTypeHint);
}

}  // namespace assay::gguf

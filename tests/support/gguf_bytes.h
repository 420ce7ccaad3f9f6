// Crafts GGUF files field by field, malformed ones included: nothing is checked. Shares no code with src/gguf, so that
// the reader is tested against the format and not against the writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace assay::test {

class GgufBytes {
 public:
  static constexpr std::uint32_t kUint8 = 0, kInt8 = 1, kUint16 = 2, kInt16 = 3, kUint32 = 4, kInt32 = 5, kFloat32 = 6,
                                 kBool = 7, kString = 8, kArray = 9, kUint64 = 10, kInt64 = 11, kFloat64 = 12;
  static constexpr std::uint32_t kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ8_0 = 8;

  /// Magic, version and both counts.
  explicit GgufBytes(std::uint64_t tensor_count = 0, std::uint64_t metadata_count = 0, std::uint32_t version = 3)
      : version_(version) {
    text_ = "GGUF";
    number(version);
    length(tensor_count);
    length(metadata_count);
  }

  template <typename T>
  GgufBytes& number(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof bytes);
    return *this;
  }
  GgufBytes& u32(std::uint32_t value) { return number(value); }
  GgufBytes& u64(std::uint64_t value) { return number(value); }
  /// A count, length or dimension, of the version's width.
  GgufBytes& length(std::uint64_t value) {
    return version_ == 1 ? number(static_cast<std::uint32_t>(value)) : number(value);
  }
  GgufBytes& raw(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  GgufBytes& string(std::string_view text) { return length(text.size()).raw(text); }
  GgufBytes& key(std::string_view name, std::uint32_t type) { return string(name).u32(type); }
  GgufBytes& array(std::uint32_t element_type, std::uint64_t count) { return u32(element_type).length(count); }
  GgufBytes& tensor(std::string_view name, std::initializer_list<std::uint64_t> ne, std::uint32_t type,
                    std::uint64_t offset) {
    string(name).u32(static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t length_of_axis : ne) length(length_of_axis);
    return u32(type).u64(offset);
  }
  GgufBytes& pad(std::size_t alignment = 32) {
    while (text_.size() % alignment != 0) text_.push_back('\0');
    return *this;
  }
  GgufBytes& zeros(std::size_t count) {
    text_.append(count, '\0');
    return *this;
  }

  /// Remembers this place: the field that comes next is the one that an error has to name.
  GgufBytes& mark() {
    mark_ = text_.size();
    return *this;
  }
  std::size_t marked() const { return mark_; }

  const std::string& text() const { return text_; }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text_)); }

 private:
  std::uint32_t version_;
  std::string text_;
  std::size_t mark_ = 0;
};

}  // namespace assay::test

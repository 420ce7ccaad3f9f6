// A bounds-checked cursor over the bytes of a GGUF file. Every read is checked against the file's end first; what does
// not fit is refused with an error that names the file, the field and its byte offset.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place, as little-endian");

/// What is being read, for errors: {"type of tensor", "output.weight"}. `of` may come from the file and is escaped.
struct Field {
  std::string_view what;
  std::string_view of = {};
};

inline constexpr std::string_view kDamagedHint = "The file is cut short or damaged: fetch or convert it again.";

/// What the tables made of one file (pairs, strings, tensors) may take in memory: ten times that of the largest models.
/// Without it a sparse file could ask for any amount with zeros alone.
inline constexpr std::uint64_t kMaxTableBytes = 48U << 20;
/// Roughly what an entry of an index by name takes.
inline constexpr std::size_t kIndexEntryBytes = 80;

class Cursor {
 public:
  /// `file` is the name for errors; it and `bytes` must outlive the cursor.
  Cursor(std::string_view file, std::span<const std::byte> bytes) : file_(file), bytes_(bytes) {}

  std::string_view file() const { return file_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t remaining() const { return bytes_.size() - offset_; }

  /// Version 1 has lengths, counts and dimensions of 4 bytes, later versions of 8.
  void set_length_bytes(std::size_t size_bytes) { length_bytes_ = size_bytes; }
  std::size_t length_bytes() const { return length_bytes_; }

  std::span<const std::byte> take(std::uint64_t size_bytes, const Field& field);

  template <typename T>
  T read(const Field& field) {
    T value;
    std::memcpy(&value, take(sizeof value, field).data(), sizeof value);
    return value;
  }
  std::uint64_t read_length(const Field& field);

  /// A count of items. Refused unless the rest of the file could hold them at `file_bytes` each, and unless they fit
  /// into what is left of kMaxTableBytes at `memory_bytes` each.
  std::uint64_t read_count(std::size_t file_bytes, std::size_t memory_bytes, const Field& field);

  /// A length and as many bytes.
  std::string_view read_string(const Field& field);

  /// Throws an error of the form "FILE: FIELD (byte OFFSET): PROBLEM".
  [[noreturn]] void refuse(std::uint64_t offset, const Field& field, std::string_view problem,
                           std::string_view hint = kDamagedHint, ErrorKind kind = ErrorKind::input) const;

 private:
  std::string_view file_;
  std::span<const std::byte> bytes_;
  std::uint64_t offset_ = 0;
  std::size_t length_bytes_ = 8;
  std::uint64_t table_bytes_ = 0;
};

}  // namespace assay::gguf

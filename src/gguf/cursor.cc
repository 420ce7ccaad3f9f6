#include "gguf/cursor.h"

#include <fmt/format.h>

#include "base/text.h"

namespace assay::gguf {

std::span<const std::byte> Cursor::take(std::uint64_t size_bytes, const Field& field) {
  if (size_bytes > remaining()) {
    refuse(offset_, field, fmt::format("needs {} bytes, but only {} remain in the file", size_bytes, remaining()));
  }
  const auto taken = bytes_.subspan(static_cast<std::size_t>(offset_), static_cast<std::size_t>(size_bytes));
  offset_ += size_bytes;
  return taken;
}

std::uint64_t Cursor::read_length(const Field& field) {
  return length_bytes_ == 4 ? read<std::uint32_t>(field) : read<std::uint64_t>(field);
}

std::uint64_t Cursor::read_count(std::size_t file_bytes, std::size_t memory_bytes, const Field& field) {
  const std::uint64_t at = offset_;
  const std::uint64_t count = read_length(field);
  if (count > remaining() / file_bytes) {
    refuse(at, field, fmt::format("{} items cannot fit into the {} bytes that remain in the file", count, remaining()));
  }
  if (count > (kMaxTableBytes - table_bytes_) / memory_bytes) {
    refuse(at, field,
           fmt::format("{} items are more than any model needs; Assay spends {} on a file's tables", count,
                       human_bytes(kMaxTableBytes)));
  }
  table_bytes_ += count * memory_bytes;
  return count;
}

std::string_view Cursor::read_string(const Field& field) {
  const std::uint64_t at = offset_;
  const std::uint64_t size_bytes = read_length(field);
  if (size_bytes > remaining()) {
    refuse(at, field, fmt::format("{} bytes long, but only {} bytes remain in the file", size_bytes, remaining()));
  }
  const auto taken = take(size_bytes, field);
  return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

void Cursor::refuse(std::uint64_t offset, const Field& field, std::string_view problem, std::string_view hint,
                    ErrorKind kind) const {
  const std::string of = field.of.empty() ? "" : fmt::format(" '{}'", printable(field.of));
  throw Error(kind, fmt::format("{}: {}{} (byte {}): {}", file_, field.what, of, offset, problem), std::string(hint));
}

}  // namespace assay::gguf

// Files: read-only memory maps, and outputs that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// A file mapped read-only. The bytes live as long as the object. Movable, not copyable.
class MappedFile {
 public:
  /// Throws Error{io} when the file cannot be opened or mapped, Error{input} when it is a directory. An empty file maps
  /// to an empty span.
  static MappedFile open(const std::filesystem::path& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// Writes to a temporary name beside `path` and renames on commit(). Without commit() nothing stays behind. A folder, a
/// device or a pipe of that name is refused at once.
/// Every failure, a full disk included, throws Error{io} and names the path.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// At a byte offset of the file, wherever write() stands. What nobody writes in between is zeros.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Throws Error{io} when no OutputFile of that name could be committed; an empty name is none. What cannot be written
/// is found out before the work, not after.
void check_output(const std::filesystem::path& path);

/// The whole file as bytes. Throws Error{io}, or Error{input} when it is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace assay

// A download on its way: "<name>.part" in the cache, which gets its final name only when it is whole and checked. One
// process at a time may write it. A resumable part stays after an interruption, with "<name>.part.json" that says what
// it is a part of; every other part goes away with the object, and so does one that the disk had no room for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "cli/sha256.h"

namespace assay::cli {

class PartFile {
 public:
  /// Opens or creates the part of `path` and its folders. Throws Error{io}; also when another process is writing it.
  explicit PartFile(std::filesystem::path path);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  /// How many bytes there are, kept from an earlier try at the same `url`; 0 when there are none, or those of another
  /// file.
  std::uint64_t resume(std::string_view url);
  /// What proved, at the earlier try, which file this is a part of.
  const std::string& validator() const { return validator_; }

  /// From here on the part stays after a failure, as a part of what `validator` proves; nothing proves with an empty
  /// one.
  void keep(std::string_view url, std::string_view validator);
  void restart();  ///< empties it
  void write(std::span<const std::byte> bytes);
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& part() const { return part_; }
  /// Of everything that is in the file. Once.
  std::string sha256();

  void discard();  ///< it will not stay
  void commit();   ///< to the disk, and to its final name

 private:
  std::filesystem::path state_path() const;
  [[noreturn]] void fail(const char* verb, int error_number);

  std::filesystem::path path_;
  std::filesystem::path part_;
  int descriptor_ = -1;
  bool keep_ = false;
  std::uint64_t size_ = 0;
  std::string validator_;
  Sha256 digest_;
};

}  // namespace assay::cli

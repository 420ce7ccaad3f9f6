// A GGUF file: metadata and tensors, read without copying.
//
//   "GGUF"            4 bytes, little-endian file
//   version           u32: 1, 2 or 3 (counts and lengths are u32 in version 1, u64 since)
//   tensor_count      u64, metadata_count u64
//   metadata_count  x { key: string, type: u32, value }         string = { length: u64, bytes }
//   tensor_count    x { name: string, n_dims: u32, ne: u64 x n_dims, type: u32, offset: u64 }     ne: u32 in version 1
//   padding to general.alignment (default 32), then the tensor data; offsets count from there
//
// ne[0] is the length of a row (contiguous); the file's order is the reverse of numpy's shape.
// Every count, length and offset is checked against the file's length before it is used. Split files
// (name-00001-of-0000N.gguf, split.no, split.count) open as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/tensor.h"
#include "gguf/value.h"

namespace assay::gguf {

class File {
 public:
  /// Maps the file and checks it whole; opens the other parts when it is part 1 of a split. Throws Error{io},
  /// Error{input}, or Error{unsupported} (big-endian, a later version, an unknown tensor type) that names the file, the
  /// field and the byte offset. Takes less than 64 MiB of memory besides the map, a part of a split model each.
  static File open(const std::filesystem::path& path);

  /// The same for the bytes of a whole model in memory, which must outlive the result. `name` stands for the path in
  /// errors.
  static File parse(std::string name, std::span<const std::byte> bytes);

  /// A model that lies in no GGUF file: its metadata as the bytes of one without tensors, and its tensors, whose names
  /// and data `owner` keeps alive. `name` stands for the path. Throws as parse().
  static File assemble(std::string name, std::vector<std::byte> metadata, std::vector<Tensor> tensors,
                       std::shared_ptr<const void> owner);

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  const std::string& name() const;  ///< the path
  std::uint32_t version() const;
  std::uint64_t size_bytes() const;  ///< of all parts
  /// The bytes of every part, as they lie in the files; of an assembled model the metadata, then the tensors.
  std::span<const std::span<const std::byte>> parts() const;
  std::uint64_t alignment() const;

  /// In the file's order.
  std::span<const std::pair<std::string_view, Value>> metadata() const;
  std::span<const Tensor> tensors() const;

  /// Null when there is none.
  const Value* find(std::string_view key) const;
  const Tensor* find_tensor(std::string_view tensor_name) const;

  /// Typed access. An absent key gives nullopt; a key of another kind (a string where a number should be, a negative or
  /// too large number) throws Error{input} that names file, key, and both types. Any integer type is accepted for an
  /// integer, any float or integer type for a float.
  std::optional<std::uint64_t> get_uint(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  /// Null when absent.
  const std::vector<std::string_view>* get_strings(std::string_view key) const;
  /// Numeric arrays, converted; empty when absent. Flags are integers too, 0 and 1.
  std::vector<float> get_floats(std::string_view key) const;
  std::vector<std::int64_t> get_ints(std::string_view key) const;

 private:
  struct Contents;
  explicit File(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

}  // namespace assay::gguf

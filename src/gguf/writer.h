// Writes GGUF version 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/file.h"
#include "gguf/value.h"

namespace assay::gguf {

/// Collects metadata and tensors, then writes the whole file at once. Tensor data is not copied and must live until
/// write(). Throws Error{usage} for a duplicate key or tensor name, a wrong data size, or a bad shape. All that it
/// writes, File reads.
class Writer {
 public:
  void add_uint(std::string_view key, std::uint32_t value);
  void add_float(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_string(std::string_view key, std::string_view value);
  void add_strings(std::string_view key, std::span<const std::string> values);
  void add_ints(std::string_view key, std::span<const std::int32_t> values);
  void add_floats(std::string_view key, std::span<const float> values);
  /// A value as it stands in another file; `general.alignment` sets the alignment of this one. Leave out the split.*
  /// keys of a split model: they would make this file a part.
  void add(std::string_view key, const Value& value);

  void add_tensor(std::string_view name, const quant::Type& type, std::vector<std::uint64_t> ne,
                  std::span<const std::byte> data);
  /// A tensor whose data come when they are written, for files larger than memory.
  void add_tensor(std::string_view name, const quant::Type& type, std::vector<std::uint64_t> ne);

  /// Writes to a temporary name and renames.
  void write(const std::filesystem::path& path) const;
  /// With the data of the tensor `index`, in the order of add_tensor; they must live until the next call.
  using DataOf = std::function<std::span<const std::byte>(std::size_t index)>;
  void write(const std::filesystem::path& path, const DataOf& data_of) const;
  /// The same bytes in memory.
  std::vector<std::byte> bytes() const;

 private:
  struct Info {
    std::string name;
    const quant::Type* type;
    std::vector<std::uint64_t> ne;
    std::uint64_t size_bytes;
    std::span<const std::byte> data;  ///< empty when they come later
  };
  std::vector<std::byte> head() const;
  /// Calls put(bytes) with one piece of the file after the other.
  void put_pieces(const DataOf& data_of, const std::function<void(std::span<const std::byte>)>& put) const;
  DataOf own_data() const;

  std::vector<std::byte> metadata_;
  std::set<std::string, std::less<>> keys_;
  std::vector<Info> tensors_;
  std::set<std::string, std::less<>> tensor_names_;
  std::uint32_t alignment_ = 32;
};

}  // namespace assay::gguf

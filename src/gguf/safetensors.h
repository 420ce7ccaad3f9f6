// A safetensors file, read without copying.
//
//   header_bytes      u64, little-endian
//   header            JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
//                     "__metadata__": {"key": "text", ...}}; begins with '{', may end in spaces
//   data              offsets count from here; the tensors cover it without gap or overlap, the last dimension is
//                     contiguous
//
// Source: the format's description at github.com/huggingface/safetensors; judged by the PyPI package `safetensors`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace assay::gguf {

enum class Dtype : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,
  f8_e5m2,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean
};
std::string_view name(Dtype dtype);  ///< as the format spells it: "F32"
std::size_t size_bytes(Dtype dtype);
inline bool is_float(Dtype dtype) { return dtype <= Dtype::f8_e5m2; }

struct SafeTensor {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::uint64_t> shape;  ///< as numpy has it: the last is contiguous; none: one value
  std::span<const std::byte> data;   ///< of any alignment

  std::uint64_t values() const { return data.size() / size_bytes(dtype); }
};

/// values[i] = value `first + i` of the tensor, for i < count; a 64-bit integer above 2^53 is rounded.
void read_values(const SafeTensor& tensor, std::uint64_t first, std::size_t count, double* values);

class SafetensorsFile {
 public:
  /// Maps the file and checks its whole header. Throws Error{io}, Error{input}, or Error{unsupported} (an unknown
  /// dtype) that names the file, the tensor and what is wrong.
  static SafetensorsFile open(const std::filesystem::path& path);
  /// The same for bytes in memory, which must outlive the result. `name` stands for the path in errors.
  static SafetensorsFile parse(std::string name, std::span<const std::byte> bytes);

  const std::string& name() const { return name_; }
  std::span<const SafeTensor> tensors() const { return tensors_; }  ///< in the order of their data
  const SafeTensor* find(std::string_view tensor_name) const;       ///< null when there is none
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::string name_;
  std::vector<SafeTensor> tensors_;
  std::map<std::string_view, std::size_t> by_name_;
  std::map<std::string, std::string, std::less<>> metadata_;
};

}  // namespace assay::gguf

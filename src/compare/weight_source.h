// The weights of a model, from whichever file holds them: GGUF, safetensors, or a folder of safetensors shards. Tensors
// go by GGUF's names; Hugging Face's become them as hugging_face/checkpoint.h says. A tensor of factors
// (model/weight_scale.h) is a part of the one whose factors it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gguf/file.h"
#include "gguf/safetensors.h"
#include "hugging_face/checkpoint.h"

namespace assay::compare {

/// The table of embeddings and the output matrix. Where they are tied, a file may hold either or both.
inline constexpr const char* kTableName = "token_embd.weight";
inline constexpr const char* kHeadName = "output.weight";

/// A tensor as a matrix [rows, columns]: rows are all dimensions but the contiguous one.
struct WeightTensor {
  std::string name;       ///< GGUF's
  std::string file_name;  ///< the name in the file
  std::string type;       ///< "Q4_K", "F32"
  std::vector<std::uint64_t> shape;
  std::size_t rows = 0;
  std::size_t columns = 0;
  bool is_needless = false;     ///< a text model does not have it in GGUF
  std::vector<double> factors;  ///< of its equal parts, from top to bottom; empty: 1
  std::variant<const gguf::Tensor*, hugging_face::CheckpointTensor> data;

  std::uint64_t values() const { return std::uint64_t{rows} * columns; }
  bool is_decodable() const;
  /// Null for a safetensors file's.
  const gguf::Tensor* gguf() const;
  /// Rows first to first + count - 1 as float64 (numerics: block formulas are exact), times their factors.
  void read_rows(std::size_t first, std::size_t count, double* values) const;
};

class WeightSource {
 public:
  explicit WeightSource(gguf::File file);
  /// A file, or a folder with *.safetensors. Throws Error{io}, Error{input}.
  static WeightSource from_safetensors(const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  bool is_gguf() const { return gguf_.has_value(); }
  std::string architecture() const;               ///< general.architecture; empty for safetensors
  std::optional<std::size_t> head_width() const;  ///< of the attention, where metadata says it
  /// By GGUF's names.
  const std::map<std::string, WeightTensor>& tensors() const { return tensors_; }

 private:
  WeightSource() = default;
  std::string name_;
  std::optional<gguf::File> gguf_;
  std::vector<gguf::SafetensorsFile> shards_;
  std::map<std::string, WeightTensor> tensors_;
};

}  // namespace assay::compare

// Writes a model with other types: tensor by tensor, so that memory holds one tensor of the result (or some small ones)
// and a row a thread, on all cores, with the same bytes whatever their number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "recipe/importance.h"
#include "recipe/mix.h"

namespace assay::recipe {

/// One tensor of a recipe.
struct Item {
  const gguf::Tensor* tensor;
  const quant::Type* type;  ///< what it becomes
  bool is_fallback;         ///< its rows are too odd for the type that the rules name
  bool has_importance;

  bool is_copied() const { return type == tensor->type; }
  std::uint64_t size_bytes() const;
};

struct Recipe {
  std::uint32_t file_type;  ///< general.file_type
  std::vector<Item> items;

  std::uint64_t values() const;
  std::uint64_t size_bytes() const;  ///< of the data of all tensors
};

/// `importance` may be null; it must outlive nothing. Throws Error{usage} for an override without a tensor, for a mix
/// that needs an importance where there is none, and for tensors that are quantized already unless `may_requantize`;
/// Error{input} for an importance of another model; Error{unsupported} for a tensor that cannot be decoded.
Recipe make_recipe(const gguf::File& file, const ChoiceRules& rules, const Importance* importance, bool may_requantize);

struct WriteOptions {
  int threads = 1;
  const Importance* importance = nullptr;
  std::string importance_file;  ///< its name, for the metadata
  /// Called for every tensor, and now and then within one, with the values that are done, on the calling thread.
  /// Returning false stops; what it throws comes through.
  std::function<bool(std::uint64_t done)> on_progress;
  /// Called before a tensor's data are read and after, on the calling thread: for models whose tensors are made when
  /// they are needed.
  std::function<void(const gguf::Tensor&)> before_tensor, after_tensor;
};

/// Every tensor as it is.
Recipe keep_all(const gguf::File& file);

/// Metadata as in `file`, with general.quantization_version, general.file_type and quantize.imatrix.* behind. False
/// when on_progress stopped it, and then nothing is written. Throws Error{input} that names tensor and row for values
/// that are not finite, or too large for the type.
bool write_quantized(const gguf::File& file, const Recipe& recipe, const WriteOptions& options,
                     const std::filesystem::path& path);

}  // namespace assay::recipe

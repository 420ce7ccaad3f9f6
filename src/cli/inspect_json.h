// What `inspect` shows, as JSON: docs/json.md describes it, and the text output is made of the same values.
#pragma once

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "cli/tensor_statistics.h"
#include "gguf/file.h"
#include "gguf/value.h"

namespace assay::cli {

/// A number, a string, or for an array {"element_type", "count", "first": [...]}.
nlohmann::ordered_json to_json(const gguf::Value& value);

/// Name, type, ne, size and bits a value.
nlohmann::ordered_json to_json(const gguf::Tensor& tensor);

nlohmann::ordered_json to_json(const TensorStatistics& statistics);

/// One block taken apart; `block` counts over the whole tensor. Throws Error{unsupported} for a type without a decoder.
nlohmann::ordered_json block_to_json(const gguf::Tensor& tensor, std::uint64_t block);

}  // namespace assay::cli

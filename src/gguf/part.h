// One GGUF file by itself: a whole model, or one part of a split one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "gguf/metadata.h"

namespace assay::gguf {

/// Views into `bytes`, which must outlive it.
struct Part {
  std::string name;
  std::span<const std::byte> bytes;
  std::uint32_t version = 0;
  std::uint32_t alignment = kDefaultAlignment;
  Metadata metadata;
  std::vector<Tensor> tensors;
};

/// Reads and checks all but duplicate tensor names and the tensors' values. `name` stands for the path in errors.
Part read_part(std::string name, std::span<const std::byte> bytes);

}  // namespace assay::gguf

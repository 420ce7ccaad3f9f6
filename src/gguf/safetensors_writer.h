// Writes a safetensors file whose tensors are all declared first, then filled piece by piece in any order: nothing but
// the header is held in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "gguf/safetensors.h"

namespace assay::gguf {

class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    Dtype dtype;
    std::vector<std::uint64_t> shape;
  };

  /// Begins the file under a temporary name. Data lies in the order declared, wider dtypes first, so that all of it is
  /// aligned. Throws Error{usage} for a name declared twice, Error{io}.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<Declaration> tensors,
                    const std::map<std::string, std::string>& metadata);

  /// Fills a part of tensor `index`, in the order declared, from `offset` bytes on. Every byte is written once.
  void write(std::size_t index, std::uint64_t offset, std::span<const std::byte> bytes);

  /// Gives the file its name. Every byte of every tensor has been written by now.
  void commit();

 private:
  struct Place {
    std::uint64_t offset;  // in the file
    std::uint64_t size_bytes;
    std::uint64_t written = 0;
  };
  OutputFile file_;
  std::vector<Place> places_;
};

}  // namespace assay::gguf

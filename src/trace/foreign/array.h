// An array that a file holds, of any layout, read where it lies: what safetensors, .npy and .npz have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gguf/safetensors.h"

namespace assay::trace {

struct Array {
  std::string name;
  gguf::Dtype dtype = gguf::Dtype::f32;
  std::vector<std::uint64_t> shape;   ///< as numpy has it; none: one value
  bool fortran_order = false;         ///< the first index is the contiguous one, not the last
  std::span<const std::byte> data;    ///< exactly what shape and dtype need, of any alignment
  std::shared_ptr<const void> owner;  ///< of the bytes: a mapped file, or what was unpacked

  std::uint64_t values() const { return data.size() / gguf::size_bytes(dtype); }
};

/// All values with the last index contiguous, whatever the order in the file.
std::vector<double> read_values(const Array& array);

}  // namespace assay::trace

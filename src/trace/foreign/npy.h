// One array as numpy.save writes it (.npy), versions 1 to 3.
//
//   magic             "\x93NUMPY"
//   version           u8 major, u8 minor
//   header_bytes      u16 in version 1, u32 in 2 and 3, little-endian
//   header            a Python dict as text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//   data              the values; by default the last index is contiguous
//
// Source: numpy.lib.format's description; judged by numpy itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trace/foreign/array.h"

namespace assay::trace {

struct NpyHeader {
  gguf::Dtype dtype = gguf::Dtype::f32;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
  std::size_t data_offset = 0;
  std::uint64_t data_bytes = 0;  ///< by shape and dtype; the file is not asked
};

bool is_npy(std::span<const std::byte> bytes);

/// Nothing while `bytes`, the beginning of a file, are too few to hold the header. `where` begins errors:
/// "a.npz: member 'x.npy'". Throws Error{input}, or Error{unsupported} for what is no plain little-endian number.
std::optional<NpyHeader> parse_npy_header(const std::string& where, std::span<const std::byte> bytes);

/// The whole file, whose bytes `owner` keeps. Throws as above, and Error{input} when data are missing or left over.
Array parse_npy(const std::string& where, std::string name, std::span<const std::byte> bytes,
                std::shared_ptr<const void> owner);

}  // namespace assay::trace

// What numpy.savez and savez_compressed write (.npz): a zip archive of .npy files, stored or deflated.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "trace/foreign/array.h"

namespace assay::trace {

/// All arrays, unpacked into memory, with their names in the archive without ".npy". `name` stands for the path in
/// errors. Throws Error{input} for a damaged archive, a member that is no array, or an archive that unpacks to more
/// than arrays of numbers do, and Error{unsupported} as parse_npy() does, or for a checkpoint of PyTorch.
std::vector<Array> read_npz(const std::string& name, std::span<const std::byte> bytes);

}  // namespace assay::trace

// How much each column of a matrix matters: the mean square of what it is multiplied with, over some text. llama.cpp
// calls it an importance matrix ("imatrix") and keeps it in one of two formats.
//
// .gguf  general.type = "imatrix", imatrix.datasets (strings), imatrix.chunk_count, imatrix.chunk_size (uint32);
//        F32 tensors NAME.in_sum2 [columns, matrices] sums of squares and NAME.counts [1, matrices] rows summed
// .dat   int32 entries; an entry: int32 length, name, int32 calls, int32 values, float32 values (sums over calls of the
//        mean squares); then, in later files, int32 chunks, int32 length, dataset
// NAME is the tensor's; a tensor of experts has a matrix each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay::recipe {

struct Importance {
  struct Entry {
    std::vector<float> sums;    ///< [matrices, columns]
    std::vector<float> counts;  ///< [matrices]; a matrix that nothing reached has 0

    /// sums / counts; a matrix that nothing reached gets ones.
    std::vector<float> means() const;
  };
  std::map<std::string, Entry, std::less<>> entries;
  std::string dataset;
  std::uint32_t chunks = 0;
  std::uint32_t chunk_tokens = 0;  ///< 0 where the format does not say
};

/// Either format. Throws Error{io}, or Error{input} that names file, entry and byte offset for anything malformed, for
/// sums or means that are not finite or negative, and for a file without entries.
Importance read_importance(const std::filesystem::path& path);

/// In the .gguf format, or in the other one when the path ends in ".dat". Appears whole or not at all.
void write_importance(const Importance& importance, const std::filesystem::path& path);

}  // namespace assay::recipe

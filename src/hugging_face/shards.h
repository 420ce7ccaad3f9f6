// The files of a checkpoint's tensors: those that model.safetensors.index.json names, or model.safetensors, or all
// *.safetensors of the folder.
#pragma once

#include <filesystem>
#include <vector>

#include "gguf/safetensors.h"

namespace assay::hugging_face {

/// In the order of their names. Throws Error{input} for an index that names a file outside the folder, a file that is
/// not there or a tensor that is not in its file, for a tensor in two files, and for a folder without such files.
std::vector<gguf::SafetensorsFile> open_shards(const std::filesystem::path& folder);

}  // namespace assay::hugging_face

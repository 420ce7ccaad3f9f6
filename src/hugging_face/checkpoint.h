// All tensors of a checkpoint by GGUF's names, and as GGUF has them: scales with their matrices, the matrices of
// experts as one tensor, gates apart from what they gate, DeepSeek's keys and values apart. The order of rows and the
// values are still the checkpoint's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gguf/safetensors.h"
#include "hugging_face/matrix.h"

namespace assay::hugging_face {

struct CheckpointTensor {
  enum class Use { known, unknown, needless };

  std::string name;                  ///< GGUF's; its own where there is none
  std::string file_name;             ///< of the first that it is made of
  std::vector<std::uint64_t> shape;  ///< as numpy has it
  std::vector<Matrix> parts;         ///< of the same type, rows and columns; one after another they are the tensor
  Use use = Use::known;

  /// Values first to first + count - 1 in the tensor's order.
  void read(std::uint64_t first, std::size_t count, double* values) const;
};

/// `source` is what errors name. The shards must outlive the result. Throws Error{input} for two tensors of the same
/// name, experts that are not all there or differ, scales that do not fit, and shapes that cannot be taken apart.
std::map<std::string, CheckpointTensor, std::less<>> read_checkpoint(const std::string& source,
                                                                     const std::vector<gguf::SafetensorsFile>& shards);

}  // namespace assay::hugging_face

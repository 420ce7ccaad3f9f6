// A Hugging Face folder (config.json, *.safetensors, tokenizer.json) as the model that a GGUF file of it would be. One
// rule says what each tensor is made of; who runs the folder, and who writes the file, reads the same tensors.
//
// Values stay what they are: matrices keep their type, vectors and routers become F32 as in every GGUF file, which is
// exact. Tensors that are the checkpoint's own bytes are views into its files. The others (rows of q and k exchanged,
// experts stacked) are made in memory, when they are asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gguf/file.h"

namespace assay::hugging_face {

/// Makes the tensors that are no views.
class TensorMaker {
 public:
  virtual ~TensorMaker() = default;
  /// Fills the data of a tensor of the model. Vectors and views are there from the beginning.
  virtual void make(const gguf::Tensor& tensor) = 0;
  /// Gives the memory back until make() is called again.
  virtual void release(const gguf::Tensor& tensor) = 0;
};

struct Folder {
  gguf::File model;  ///< its matrices that are no views are zeros until they are made
  std::shared_ptr<TensorMaker> maker;
  std::vector<std::string> notes;  ///< what is not as one may think

  /// `pre_tokenizer`: a name for tokenizer.ggml.pre; empty: recognise it. Throws Error{io}, Error{input} and
  /// Error{unsupported} that name file and tensor or member.
  static Folder open(const std::filesystem::path& folder, const std::string& pre_tokenizer);
};

/// Whether there is a config.json.
bool is_folder(const std::filesystem::path& path);

}  // namespace assay::hugging_face

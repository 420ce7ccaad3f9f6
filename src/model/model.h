// A model: a GGUF file whose architecture is known and whose tensors are all there with the right shapes, and its plan.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "model/hyper_parameters.h"
#include "model/plan.h"

namespace assay::model {

struct Model {
  gguf::File file;
  HyperParameters hyper_parameters;
  Plan plan;
  std::vector<std::string> warnings;  ///< for example tensors that the architecture does not use, and what was chosen
};

/// For contexts of up to `context_length` positions; 0: those that the plan's own context_length then says. What a
/// model computes may depend on it (phi3), and never on how much of the context is filled. Throws Error{input} that
/// names what is missing or has the wrong shape, Error{unsupported} for an unknown architecture (and lists the known
/// ones) or for a tensor type that cannot be decoded.
Model load_model(gguf::File file, std::size_t context_length = 0);

}  // namespace assay::model

// What a comparison says of a model before it has run: size, type, bits a weight.
#pragma once

#include <string>

#include "compare/comparison.h"
#include "gguf/file.h"

namespace assay::compare {

ModelSummary summarize_model(std::string name, const gguf::File& file);

}  // namespace assay::compare

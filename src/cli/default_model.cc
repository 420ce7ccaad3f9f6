#include "cli/default_model.h"

#include <string>

extern "C" {
// Set by embedded_model.S.
extern const std::byte assay_embedded_model[];
extern const std::byte assay_embedded_model_end[];
}

namespace assay::cli {

gguf::File open_default_model() {
  return gguf::File::parse("kingjames (built in)", {assay_embedded_model, assay_embedded_model_end});
}

}  // namespace assay::cli

// Which of GGUF's pre-tokenizers the steps of a tokenizer.json are.
#pragma once

#include <string>

#include "hugging_face/settings.h"

namespace assay::hugging_face {

/// A name for tokenizer.ggml.pre, by the `pre_tokenizer` of a byte-level BPE. Throws Error{unsupported} where it is
/// none that GGUF has a name for.
std::string name_of_pre_tokenizer(const Settings& tokenizer, bool ignores_merges);

}  // namespace assay::hugging_face

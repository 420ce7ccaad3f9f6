// SentencePiece BPE (tokenizer.ggml.model "llama"): characters merge into the best-scoring token of the vocabulary;
// what no token spells becomes byte tokens. Spaces are written U+2581, so that this character itself comes back as a
// space.
#pragma once

#include <memory>

#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// Throws Error{input} for a broken vocabulary.
std::unique_ptr<Tokenizer> make_spm_tokenizer(const gguf::File& file);

}  // namespace assay::tokenizer

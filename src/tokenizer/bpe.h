// BPE by merges (tokenizer.ggml.model "gpt2"): a pre-tokenizer cuts the text into pieces, inside each the bytes merge
// in the order of tokenizer.ggml.merges. Tokens are written in GPT-2's byte alphabet (byte_level.h); those of "gemma4"
// and a few pre-tokenizers in plain UTF-8, where characters merge and what no token spells becomes byte tokens.
#pragma once

#include <memory>

#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// Throws Error{input} for a broken vocabulary, Error{unsupported} for an unknown pre-tokenizer.
std::unique_ptr<Tokenizer> make_bpe_tokenizer(const gguf::File& file);

}  // namespace assay::tokenizer

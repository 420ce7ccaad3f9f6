// SentencePiece Unigram (tokenizer.ggml.model "t5"): the text is normalised (charsmap.h, spaces), then cut into the
// tokens whose scores add up to most. SentencePiece is followed, and where it adds in float32, llama.cpp and Hugging
// Face, which add in float64. Unused tokens are never made.
#pragma once

#include <memory>

#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// Throws Error{input} for a broken vocabulary.
std::unique_ptr<Tokenizer> make_unigram_tokenizer(const gguf::File& file);

}  // namespace assay::tokenizer

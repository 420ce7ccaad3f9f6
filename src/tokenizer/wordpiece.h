// WordPiece (tokenizer.ggml.model "bert"): the text is cleaned and cut into words, each into the longest tokens from
// its left. Tokens that begin a word are written with U+2581 before them; Hugging Face's "##" of the others is gone.
//
// BERT's own reading is followed, as Hugging Face has it: control characters vanish, letters with accents are
// decomposed whole (llama.cpp keeps the first part alone: of a Hangul syllable its first letter), and a word of more
// than 100 characters is unknown. BOS is [CLS], and EOS is [SEP], whether the metadata asks for them or not.
#pragma once

#include <memory>

#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::tokenizer {

/// Throws Error{input} for a broken vocabulary.
std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(const gguf::File& file);

}  // namespace assay::tokenizer

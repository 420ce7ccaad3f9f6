// The tokenizer of a Hugging Face folder as tokenizer.ggml.*, whose meaning src/tokenizer/vocabulary.h says. Read are
// tokenizer.json, tokenizer_config.json, and tokenizer.model where the pieces are SentencePiece's.
//
// Byte-level BPE ("gpt2"): the pre-tokenizer is known by its expressions. BPE with bytes as "<0x0A>" ("llama"): scores
// are those of tokenizer.model or, where there is none, fall with the place of a token's first merge, as
// SentencePiece's do. Unigram ("t5") with the normalisation that transformers makes of SentencePiece's. WordPiece
// ("bert") that reads as BERT.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf/writer.h"
#include "hugging_face/settings.h"

namespace assay::hugging_face {

/// `tokenizer`: the folder's tokenizer.json. `tokens`: rows of the embedding, to which the vocabulary is filled up with
/// unused tokens. `pre_tokenizer`: a name for tokenizer.ggml.pre; empty: recognise it. Adds to `notes` what whoever
/// converts should know. Throws Error{input}; Error{unsupported} for another kind of tokenizer and an unknown
/// pre-tokenizer.
void add_vocabulary(const std::filesystem::path& folder, const Settings& tokenizer, std::size_t tokens,
                    const std::string& pre_tokenizer, gguf::Writer& out, std::vector<std::string>& notes);

}  // namespace assay::hugging_face

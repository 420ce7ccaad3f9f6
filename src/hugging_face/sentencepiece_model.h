// tokenizer.model, SentencePiece's own file: a protocol buffer (sentencepiece_model.proto), of which this reads
//
//   1  pieces, repeated: { 1 piece: string, 2 score: float32, 3 type: 1 normal, 2 unknown, 3 control, 4 user-defined,
//      5 unused, 6 byte }
//   2  trainer: { 3 model_type: 1 Unigram, 2 BPE, ... }
//
// A message is fields one after another: a varint of number * 8 + kind, then a varint (kind 0), 8 bytes (1), a varint
// of a length and as many bytes (2), or 4 bytes (5). Judged by the PyPI package `sentencepiece`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace assay::hugging_face {

struct SentencePiece {
  std::string text;
  float score = 0;
  std::int32_t kind = 1;  ///< as tokenizer.ggml.token_type has it
};

/// By id. Throws Error{io}, Error{input} that names the byte offset of what is wrong, and Error{unsupported} for models
/// that are not BPE: they cut words otherwise.
std::vector<SentencePiece> read_sentencepiece_model(const std::filesystem::path& path);

}  // namespace assay::hugging_face

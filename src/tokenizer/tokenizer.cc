#include "tokenizer/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "tokenizer/bpe.h"
#include "tokenizer/spm.h"
#include "tokenizer/unigram.h"
#include "tokenizer/wordpiece.h"

namespace assay::tokenizer {
namespace {

struct Model {
  std::string_view name;  ///< tokenizer.ggml.model
  std::unique_ptr<Tokenizer> (*make)(const gguf::File& file);
};
constexpr Model kModels[] = {{"llama", make_spm_tokenizer},
                             {"gpt2", make_bpe_tokenizer},
                             {"gemma4", make_bpe_tokenizer},
                             {"t5", make_unigram_tokenizer},
                             {"bert", make_wordpiece_tokenizer}};

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::from_gguf(const gguf::File& file) {
  const std::optional<std::string_view> name = file.get_string("tokenizer.ggml.model");
  if (!name || name == "none" || name == "no_vocab") {
    throw Error(ErrorKind::input,
                fmt::format("{}: tokenizer.ggml.model is {}", file.name(), name ? printable(*name) : "absent"),
                "this file carries no vocabulary; use one that does");
  }
  std::string known;
  for (const Model& model : kModels) {
    if (model.name == *name) return model.make(file);
    known.append(known.empty() ? "" : ", ").append(model.name);
  }
  throw Error(ErrorKind::unsupported,
              fmt::format("{}: unknown tokenizer model \"{}\"", file.name(), printable(*name, 60)),
              "tokenizer.ggml.model may be one of: " + known);
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool render_special)
    : tokenizer_(tokenizer), render_special_(render_special) {}

std::string StreamDecoder::push(Token token) {
  pending_ += tokenizer_.piece(token, render_special_);
  const std::size_t complete = complete_utf8_prefix(pending_);
  std::string ready = replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return ready;
}

std::string StreamDecoder::finish() {
  std::string rest = replace_invalid_utf8(pending_);
  pending_.clear();
  return rest;
}

}  // namespace assay::tokenizer

// The gate of token ids: are they what this model's tokenizer makes of the prompt? If not, known mistakes are made on
// purpose, one and two at a time, until the same ids come out; a mistake that does not give all ids is not named.
//
//   bos_missing, bos_double, bos_added, eos_appended, last_token_twice      around the text
//   space_prefix {rule: missing|only_first|doubled|added}                   before its first word
//   special_as_text                                                         "<|im_end|>" spelled out
//   pre_tokenizer {like: gpt-2}, {like: none}, {like: longest_match}        where words are cut, or that they are not
//   prompt_text {rule: trimmed|newline_appended|newline_missing|wrapped|truncated}
//                                                                           another text than they say
//   outside_vocabulary                                                      no token of this model
//   unknown                                                                 none of these
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "diagnose/gates/gate.h"
#include "gguf/file.h"
#include "tokenizer/tokenizer.h"

namespace assay::diagnose {

/// `ids` are those of the prompt alone; `tokenizer` is that of `file`. Without a prompt only what the ids themselves
/// show is said, with a confidence below one half: somebody may have fed ids that spell no text. residual_before is the
/// share of places at which the ids differ from the right ones.
GateReport check_tokens(const gguf::File& file, const tokenizer::Tokenizer& tokenizer,
                        std::optional<std::string_view> prompt, std::span<const std::int32_t> ids);

}  // namespace assay::diagnose

// Which tokens begin and end a text, what stands around a prompt, and the chat template: of tokenizer.json,
// tokenizer_config.json, config.json, generation_config.json and chat_template.jinja, as tokenizer.ggml.* and
// tokenizer.chat_template.
#pragma once

#include <filesystem>

#include "gguf/writer.h"
#include "hugging_face/settings.h"

namespace assay::hugging_face {

/// `tokenizer`: tokenizer.json. Throws Error{input} that names file and member.
void add_special_tokens(const std::filesystem::path& folder, const Settings& config, const Settings& tokenizer,
                        gguf::Writer& out);

}  // namespace assay::hugging_face

// Any bytes as a chat template: it renders, or an assay::Error says why not.
#include <cstddef>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tokenizer/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto context = nlohmann::ordered_json::parse(R"({
    "messages": [{"role": "system", "content": "é 🙂"}, {"role": "user", "content": null, "tool_calls": [{"id": 1.5}]}],
    "tools": [{"function": {"name": "f", "parameters": {"a": [1, 2, {"b": true}]}}}],
    "add_generation_prompt": true, "bos_token": "<s>"})");
  assay::tokenizer::TemplateLimits limits;
  limits.max_steps = 20000;
  limits.max_output_bytes = 1 << 20;
  limits.now = 0;
  try {
    const assay::tokenizer::ChatTemplate chat(std::string(reinterpret_cast<const char*>(data), size));
    (void)chat.render(context, limits);
  } catch (const assay::Error&) {
    // Refused with a reason, as it should be.
  }
  return 0;
}

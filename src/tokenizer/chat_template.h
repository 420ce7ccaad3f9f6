// Chat templates: messages to prompt text, by the Jinja template that the model carries (tokenizer.chat_template).
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace assay::tokenizer {

/// What a template may spend. Templates come with files from strangers.
struct TemplateLimits {
  std::size_t max_steps = 10'000'000;
  std::size_t max_output_bytes = 64 << 20;  ///< held at once: the output and every value, the context's copy among them
  int max_depth = 200;                      ///< of data inside data, and of macros calling macros
  std::optional<std::time_t> now;           ///< what strftime_now shows in local time; without it, the clock
};

class ChatTemplate {
 public:
  /// Parses. Throws Error{input} with line and column for a syntax error, Error{unsupported} for tags that join several
  /// templates (include, extends, ...).
  explicit ChatTemplate(std::string source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// `context` is an object: messages, add_generation_prompt, bos_token, eos_token, tools, ... Its order of keys is
  /// kept. Whitespace as Hugging Face renders: trim_blocks and lstrip_blocks on. Throws Error{input} when the template
  /// calls raise_exception (its message is the error's, word for word), misuses a value, or passes a limit;
  /// Error{unsupported} for a filter, a test or a method that is not known. May be called from several threads at once.
  std::string render(const nlohmann::ordered_json& context, const TemplateLimits& limits = {}) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

}  // namespace assay::tokenizer

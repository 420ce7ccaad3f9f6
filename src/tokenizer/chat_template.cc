#include "tokenizer/chat_template.h"

#include <utility>

#include "tokenizer/jinja/interpreter.h"
#include "tokenizer/jinja/parser.h"

namespace assay::tokenizer {

struct ChatTemplate::Program {
  jinja::Block statements;
};

ChatTemplate::ChatTemplate(std::string source)
    : program_(std::make_unique<Program>(Program{jinja::Parser(source).parse()})) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

std::string ChatTemplate::render(const nlohmann::ordered_json& context, const TemplateLimits& limits) const {
  return jinja::Interpreter(context, limits).run(program_->statements);
}

}  // namespace assay::tokenizer

// A macro: a block with parameters, together with the scope in which it was defined.
#pragma once

#include <memory>

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/interpreter.h"

namespace assay::tokenizer::jinja {

class Macro final : public Object {
 public:
  Macro(Interpreter& interpreter, const MacroDefinition& definition, std::shared_ptr<Scope> scope)
      // The scope it keeps alive is paid for here.
      : Object(&interpreter.budget(), sizeof(Macro) + sizeof(Scope)),
        interpreter_(interpreter),
        definition_(definition),
        scope_(std::move(scope)) {}
  std::string_view type_name() const override { return "Macro"; }
  void print(Budget& budget, Builder& out) const override;
  std::optional<Value> attribute(Budget& budget, std::string_view name) override;
  bool callable() const override { return true; }
  /// Binds the arguments as Jinja does and gives the text that the body prints.
  Value call(Runtime& runtime, Arguments arguments) override;

 private:
  void bind(Arguments arguments);

  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  std::shared_ptr<Scope> scope_;
};

}  // namespace assay::tokenizer::jinja

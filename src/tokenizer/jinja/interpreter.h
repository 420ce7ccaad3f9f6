// Runs a syntax tree over a context. One interpreter serves one render.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tokenizer/chat_template.h"
#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/operations.h"

namespace assay::tokenizer::jinja {

/// Names that a block assigned; the keys view names of the syntax tree.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}
  std::shared_ptr<Scope> parent;
  std::map<std::string_view, Value> values;
  bool kept = false;  ///< a macro refers to it
};

class Interpreter {
 public:
  Interpreter(const nlohmann::ordered_json& context, const TemplateLimits& limits);
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;
  ~Interpreter();

  /// The output. Throws Error with the position of what failed.
  std::string run(const Block& program);

  // For the nodes of the tree and for macros.
  Value evaluate(const Expression& expression);
  Flow execute(const Block& block);
  Arguments evaluate(const CallArguments& arguments);
  Value lookup(const std::string& name);
  void assign(const Target& target, const Value& value);
  void set(std::string_view name, Value value);
  void write(std::string_view text) { out_->append(text); }
  void write(const Value& value);
  /// The text that a block, or whatever `print` executes, prints in a scope of its own.
  Value capture(const Block& block);
  Value capture(const std::function<void()>& print);
  const std::shared_ptr<Scope>& scope() const { return scope_; }
  Value apply_to_text(const ExpressionPtr& filter, Value text);
  const Value& block_text() const { return block_text_; }
  std::shared_ptr<Object> make_macro(const MacroDefinition& definition);
  Budget& budget() { return budget_; }
  Runtime& runtime() { return runtime_; }

  /// A fresh scope inside `parent` for as long as it lives.
  class Inner {
   public:
    explicit Inner(Interpreter& interpreter) : Inner(interpreter, interpreter.scope_) {}
    Inner(Interpreter& interpreter, std::shared_ptr<Scope> parent);
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;
    ~Inner() { interpreter_.scope_ = std::move(before_); }

   private:
    Interpreter& interpreter_;
    std::shared_ptr<Scope> before_;
  };

 private:
  // Values give back to the budget what they hold, so it is destroyed last.
  Budget budget_;
  Runtime runtime_;
  Value context_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::shared_ptr<Scope>> kept_scopes_;  ///< those macros refer to, which may hold the macros
  Builder* out_ = nullptr;
  Value block_text_;
};

}  // namespace assay::tokenizer::jinja

#include "tokenizer/jinja/interpreter.h"

#include <utility>

#include "base/text.h"
#include "tokenizer/jinja/globals.h"
#include "tokenizer/jinja/lexer.h"
#include "tokenizer/jinja/macro.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

void locate(Failure& failure, Position at) {
  if (failure.line != 0) return;
  failure.line = at.line;
  failure.column = at.column;
}

}  // namespace

Interpreter::Inner::Inner(Interpreter& interpreter, std::shared_ptr<Scope> parent)
    : interpreter_(interpreter), before_(interpreter.scope_) {
  interpreter_.scope_ = std::make_shared<Scope>(std::move(parent));
}

Interpreter::Interpreter(const nlohmann::ordered_json& context, const TemplateLimits& limits)
    : budget_(limits.max_steps, limits.max_output_bytes, limits.max_depth),
      runtime_{budget_, limits.now, {}},
      scope_(std::make_shared<Scope>(nullptr)) {
  try {
    context_ = from_json(budget_, context);
  } catch (const Failure& failure) {
    throw Error(failure.kind, std::string("chat template: ") + failure.what());
  }
  if (!context_.is(Kind::dict)) throw Error(ErrorKind::usage, "chat template: the context is not a JSON object");
}

Interpreter::~Interpreter() {
  // Here cycles are cut: scopes hold macros that hold scopes, namespaces hold themselves.
  for (const auto& scope : kept_scopes_) scope->values.clear();
  for (const auto& ns : runtime_.namespaces) ns->clear();
}

std::string Interpreter::run(const Block& program) {
  Builder out(budget_);
  out_ = &out;
  try {
    execute(program);
    return out.take();
  } catch (const Raised& raised) {
    throw Error(raised.kind, raised.what(),
                "The chat template itself says so, in line " + std::to_string(raised.line) + ".");
  } catch (const Failure& failure) {
    fail_at({failure.line, failure.column}, printable(failure.what(), 300), failure.kind);
  }
}

Value Interpreter::evaluate(const Expression& expression) {
  try {
    budget_.step();
    const auto level = budget_.nest();
    return expression.evaluate(*this);
  } catch (Failure& failure) {
    locate(failure, expression.at);
    throw;
  }
}

Flow Interpreter::execute(const Block& block) {
  const auto level = budget_.nest();
  for (const auto& statement : block) {
    try {
      budget_.step();
      const Flow flow = statement->execute(*this);
      if (flow != Flow::next) return flow;
    } catch (Failure& failure) {
      locate(failure, statement->at);
      throw;
    }
  }
  return Flow::next;
}

Arguments Interpreter::evaluate(const CallArguments& source) {
  Arguments arguments;
  for (const auto& argument : source.positional) arguments.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : source.keyword) arguments.keyword.emplace_back(name, evaluate(*argument));
  if (source.positional_list != nullptr) {
    const Value more = iterate(budget_, evaluate(*source.positional_list));
    budget_.step(more.items().size());
    budget_.check(more.items().size() * sizeof(Value));
    arguments.positional.insert(arguments.positional.end(), more.items().begin(), more.items().end());
  }
  if (source.keyword_dict != nullptr) {
    const Value more = evaluate(*source.keyword_dict);
    if (!more.is(Kind::dict)) throw Failure("argument after ** must be a mapping, not " + type_name(more));
    for (const auto& [key, value] : more.dict().items()) {
      if (!key.is_string()) throw Failure("keywords must be strings");
      budget_.step();
      arguments.keyword.emplace_back(key.bytes(), value);
    }
  }
  return arguments;
}

Value Interpreter::lookup(const std::string& name) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    const auto found = scope->values.find(name);
    if (found != scope->values.end()) return found->second;
  }
  if (const Value* found = context_.dict().find(name)) return *found;
  if (const Operation* function = find_global(name)) return Value(std::make_shared<Function>(budget_, *function));
  return undefined(budget_, "'" + printable(name, 80) + "' is undefined");
}

void Interpreter::set(std::string_view name, Value value) { scope_->values[name] = std::move(value); }

void Interpreter::assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    const Value items = iterate(budget_, value);
    const std::size_t wanted = target.parts.size(), got = items.items().size();
    if (got > wanted) throw Failure("too many values to unpack (expected " + std::to_string(wanted) + ")");
    if (got < wanted) {
      throw Failure("not enough values to unpack (expected " + std::to_string(wanted) + ", got " + std::to_string(got) +
                    ")");
    }
    for (std::size_t i = 0; i < wanted; ++i) assign(target.parts[i], items.items()[i]);
  } else if (target.attribute.empty()) {
    set(target.name, value);
  } else {
    const Value owner = lookup(target.name);
    auto* ns = owner.as<Namespace>();
    if (ns == nullptr) throw Failure("cannot assign attribute on non-namespace object");
    ns->set(budget_, target.attribute, value);
  }
}

void Interpreter::write(const Value& value) { print(budget_, value, *out_); }

Value Interpreter::capture(const Block& block) {
  return capture([&] { execute(block); });
}

Value Interpreter::capture(const std::function<void()>& print) {
  const Inner inner(*this);
  Builder text(budget_);
  Builder* const before = std::exchange(out_, &text);
  try {
    print();
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  return text.finish();
}

Value Interpreter::apply_to_text(const ExpressionPtr& filter, Value text) {
  if (filter == nullptr) return text;
  block_text_ = std::move(text);
  return evaluate(*filter);
}

std::shared_ptr<Object> Interpreter::make_macro(const MacroDefinition& definition) {
  auto macro = std::make_shared<Macro>(*this, definition, scope_);
  if (!scope_->kept) {
    scope_->kept = true;
    kept_scopes_.push_back(scope_);
  }
  return macro;
}

}  // namespace assay::tokenizer::jinja

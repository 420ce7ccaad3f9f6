// How each expression of the tree gets its value.
#include "base/text.h"
#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/interpreter.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {

Value Constant::evaluate(Interpreter&) const { return value; }

Value Name::evaluate(Interpreter& interpreter) const { return interpreter.lookup(name); }

Value Display::evaluate(Interpreter& interpreter) const {
  ListBuilder values(interpreter.budget());
  for (const auto& item : items) values.add(interpreter.evaluate(*item));
  return kind == Kind::list ? values.finish() : tuple(interpreter.budget(), std::move(values.items()));
}

Value DictDisplay::evaluate(Interpreter& interpreter) const {
  auto dict = std::make_shared<Dict>(&interpreter.budget());
  for (const auto& [key, value] : items) {
    Value name = interpreter.evaluate(*key);
    dict->set(interpreter.budget(), std::move(name), interpreter.evaluate(*value));
  }
  return {Kind::dict, std::move(dict)};
}

Value Arithmetic::evaluate(Interpreter& interpreter) const {
  Value result = interpreter.evaluate(*first);
  for (const auto& [sign, operand] : rest) {
    result = arithmetic(interpreter.budget(), sign, result, interpreter.evaluate(*operand));
  }
  return result;
}

Value Concatenation::evaluate(Interpreter& interpreter) const {
  Builder out(interpreter.budget());
  for (const auto& item : items) print(interpreter.budget(), interpreter.evaluate(*item), out);
  return out.finish();
}

Value Comparison::evaluate(Interpreter& interpreter) const {
  Value left = interpreter.evaluate(*first);
  for (const auto& [sign, operand] : rest) {
    Value right = interpreter.evaluate(*operand);
    const bool holds = sign == "in"       ? contains(interpreter.budget(), right, left)
                       : sign == "not in" ? !contains(interpreter.budget(), right, left)
                                          : compare(interpreter.budget(), sign, left, right);
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Junction::evaluate(Interpreter& interpreter) const {
  Value value;
  for (const auto& item : items) {
    value = interpreter.evaluate(*item);
    if (truth(value) == decisive) break;
  }
  return value;
}

Value Unary::evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.evaluate(*operand);
  switch (op) {
    case Operator::logical_not:
      return Value(!truth(value));
    case Operator::minus:
      return negate(value);
    case Operator::plus:
      break;
  }
  return plus(value);
}

Value Conditional::evaluate(Interpreter& interpreter) const {
  if (truth(interpreter.evaluate(*condition))) return interpreter.evaluate(*then);
  if (otherwise != nullptr) return interpreter.evaluate(*otherwise);
  return undefined(interpreter.budget(),
                   "the inline if-expression evaluated to false and no else section was defined.");
}

Value AttributeAccess::evaluate(Interpreter& interpreter) const {
  return get_attribute(interpreter.budget(), interpreter.evaluate(*object), name);
}

Value Subscript::evaluate(Interpreter& interpreter) const {
  const Value container = interpreter.evaluate(*object);
  return get_item(interpreter.budget(), container, interpreter.evaluate(*key));
}

Value Slice::evaluate(Interpreter& interpreter) const {
  const auto bound = [&](const ExpressionPtr& part) { return part == nullptr ? Value() : interpreter.evaluate(*part); };
  const Value sequence = interpreter.evaluate(*object);
  const Value from = bound(start), to = bound(stop);
  return slice(interpreter.budget(), sequence, from, to, bound(step));
}

Value Call::evaluate(Interpreter& interpreter) const {
  const Value function = interpreter.evaluate(*callee);
  Arguments given = interpreter.evaluate(arguments);
  if (function.is_undefined()) throw Failure(std::string(function.bytes()));
  if (!function.is(Kind::object)) throw Failure("'" + type_name(function) + "' object is not callable");
  return function.object().call(interpreter.runtime(), std::move(given));
}

Value Filter::evaluate(Interpreter& interpreter) const {
  const Value value = subject != nullptr ? interpreter.evaluate(*subject) : interpreter.block_text();
  if (operation == nullptr) {
    throw Failure("No filter named '" + printable(name, 80) + "'.", ErrorKind::unsupported);
  }
  return apply(interpreter.runtime(), *operation, value, interpreter.evaluate(arguments));
}

Value Test::evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.evaluate(*subject);
  if (operation == nullptr) throw Failure("No test named '" + printable(name, 80) + "'.", ErrorKind::unsupported);
  return apply(interpreter.runtime(), *operation, value, interpreter.evaluate(arguments));
}

}  // namespace assay::tokenizer::jinja

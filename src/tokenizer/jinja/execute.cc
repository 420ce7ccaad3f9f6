// What each statement of the tree does.
#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/interpreter.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"

namespace assay::tokenizer::jinja {

Flow Data::execute(Interpreter& interpreter) const {
  interpreter.write(text);
  return Flow::next;
}

Flow Output::execute(Interpreter& interpreter) const {
  interpreter.write(interpreter.evaluate(*expression));
  return Flow::next;
}

Flow If::execute(Interpreter& interpreter) const {
  for (const auto& [condition, body] : branches) {
    if (truth(interpreter.evaluate(*condition))) return interpreter.execute(body);
  }
  return interpreter.execute(otherwise);
}

Flow For::execute(Interpreter& interpreter) const { return repeat(interpreter, interpreter.evaluate(*items), 0); }

Flow For::repeat(Interpreter& interpreter, const Value& source, std::size_t depth) const {
  Value all = iterate(interpreter.budget(), source);
  if (condition != nullptr) {
    ListBuilder chosen(interpreter.budget());
    for (const Value& item : all.items()) {
      const Interpreter::Inner inner(interpreter);
      interpreter.assign(target, item);
      if (truth(interpreter.evaluate(*condition))) chosen.add(item);
    }
    all = chosen.finish();
  }
  const auto loop = std::make_shared<Loop>(interpreter.budget(), all, depth);
  if (is_recursive) {
    loop->recurse = [this, &interpreter, depth, scope = interpreter.scope()](const Value& others) {
      const Interpreter::Inner inner(interpreter, scope);
      return interpreter.capture([&] { repeat(interpreter, others, depth + 1); });
    };
  }
  // It may hold itself through loop.changed(loop), and a namespace may hold it.
  struct Clear {
    Loop& loop;
    ~Clear() { loop.clear(); }
  } const clear{*loop};
  bool completed = false;  // whether any pass reached its end
  for (std::size_t i = 0; i < all.items().size(); ++i) {
    const Interpreter::Inner inner(interpreter);
    interpreter.budget().step();
    loop->advance(i);
    interpreter.set("loop", Value(loop));
    interpreter.assign(target, all.items()[i]);
    const Flow flow = interpreter.execute(body);
    if (flow == Flow::leave_loop) break;
    completed = completed || flow == Flow::next;
  }
  // As in Jinja, passes cut short by break or continue do not count.
  if (completed) return Flow::next;
  const Interpreter::Inner inner(interpreter);
  return interpreter.execute(otherwise);
}

Flow Set::execute(Interpreter& interpreter) const {
  interpreter.assign(target, interpreter.evaluate(*value));
  return Flow::next;
}

Flow SetBlock::execute(Interpreter& interpreter) const {
  interpreter.assign(target, interpreter.apply_to_text(filter, interpreter.capture(body)));
  return Flow::next;
}

Flow With::execute(Interpreter& interpreter) const {
  std::vector<Value> values;
  for (const auto& assignment : assignments) values.push_back(interpreter.evaluate(*assignment.second));
  const Interpreter::Inner inner(interpreter);
  for (std::size_t i = 0; i < values.size(); ++i) interpreter.assign(assignments[i].first, values[i]);
  return interpreter.execute(body);
}

Flow FilterBlock::execute(Interpreter& interpreter) const {
  interpreter.write(interpreter.apply_to_text(filter, interpreter.capture(body)));
  return Flow::next;
}

Flow Scoped::execute(Interpreter& interpreter) const {
  const Interpreter::Inner inner(interpreter);
  return interpreter.execute(body);
}

Flow MacroDefinition::execute(Interpreter& interpreter) const {
  interpreter.set(name, Value(interpreter.make_macro(*this)));
  return Flow::next;
}

Flow CallBlock::execute(Interpreter& interpreter) const {
  const Value function = interpreter.evaluate(*call->callee);
  Arguments arguments = interpreter.evaluate(call->arguments);
  arguments.keyword.emplace_back("caller", Value(interpreter.make_macro(*caller)));
  if (function.is_undefined()) throw Failure(std::string(function.bytes()));
  if (!function.is(Kind::object)) throw Failure("'" + type_name(function) + "' object is not callable");
  interpreter.write(function.object().call(interpreter.runtime(), std::move(arguments)));
  return Flow::next;
}

}  // namespace assay::tokenizer::jinja

#include "tokenizer/jinja/macro.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {

void Macro::print(Budget&, Builder& out) const {
  out.append(definition_.name.empty() ? "<Macro anonymous>" : "<Macro '" + definition_.name + "'>");
}

std::optional<Value> Macro::attribute(Budget& budget, std::string_view name) {
  if (name == "name") return string(&budget, definition_.name);
  if (name == "caller") return Value(definition_.uses_caller);
  if (name == "catch_kwargs") return Value(definition_.uses_kwargs);
  if (name == "catch_varargs") return Value(definition_.uses_varargs);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const auto& parameter : definition_.parameters) names.push_back(string(&budget, parameter.first));
  return tuple(budget, std::move(names));
}

void Macro::bind(Arguments arguments) {
  Budget& budget = interpreter_.budget();
  std::vector<Value>& positional = arguments.positional;
  auto& keyword = arguments.keyword;
  const auto take_keyword = [&](std::string_view name) -> std::optional<Value> {
    const auto found =
        std::find_if(keyword.begin(), keyword.end(), [&](const auto& argument) { return argument.first == name; });
    if (found == keyword.end()) return std::nullopt;
    Value value = std::move(found->second);
    keyword.erase(found);
    return value;
  };
  std::size_t taken = 0;
  for (const auto& [name, fallback] : definition_.parameters) {
    std::optional<Value> value;
    if (taken < positional.size()) {
      value = positional[taken++];
    } else if (!(value = take_keyword(name))) {
      value = fallback != nullptr ? interpreter_.evaluate(*fallback)
                                  : undefined(budget, "parameter '" + printable(name, 80) + "' was not provided");
    }
    interpreter_.set(name, std::move(*value));
  }
  if (definition_.uses_caller) {
    auto caller = take_keyword("caller");
    interpreter_.set("caller", caller && !caller->is_none() ? *caller : undefined(budget, "No caller defined"));
  }
  if (definition_.uses_kwargs) {
    auto rest = std::make_shared<Dict>(&budget);
    for (auto& [name, value] : keyword) rest->set(budget, string(&budget, name), std::move(value));
    interpreter_.set("kwargs", {Kind::dict, std::move(rest)});
  } else if (!keyword.empty()) {
    throw Failure("macro '" + definition_.name + "' takes no keyword argument '" + keyword.front().first + "'");
  }
  if (definition_.uses_varargs) {
    std::vector<Value> rest(positional.begin() + static_cast<std::ptrdiff_t>(taken), positional.end());
    interpreter_.set("varargs", tuple(budget, std::move(rest)));
  } else if (positional.size() > taken) {
    throw Failure("macro '" + definition_.name + "' takes not more than " +
                  std::to_string(definition_.parameters.size()) + " argument(s)");
  }
}

Value Macro::call(Runtime& runtime, Arguments arguments) {
  const auto level = runtime.budget.call();
  const Interpreter::Inner inner(interpreter_, scope_);
  bind(std::move(arguments));
  return interpreter_.capture(definition_.body);
}

}  // namespace assay::tokenizer::jinja

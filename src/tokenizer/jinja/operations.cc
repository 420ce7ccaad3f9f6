#include "tokenizer/jinja/operations.h"

#include <algorithm>

#include "tokenizer/jinja/operators.h"

namespace assay::tokenizer::jinja {

Parameters::Parameters(const Operation& operation, Arguments arguments) : operation_(operation.name) {
  const auto fail = [&](const std::string& what) { throw Failure(std::string(operation_) + "() " + what); };
  std::vector<std::string_view> required;
  bool open = false;
  std::size_t taken = 0;
  for (std::string_view names = operation.parameters; !names.empty();) {
    const std::size_t end = std::min(names.find(' '), names.size());
    std::string_view name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (name == "*") {
      open = true;
      break;
    }
    const bool optional = name.back() == '?';
    if (optional) name.remove_suffix(1);
    std::optional<Value>& slot = slots_.emplace_back();
    if (taken < arguments.positional.size()) slot = std::move(arguments.positional[taken++]);
    const auto named = std::find_if(arguments.keyword.begin(), arguments.keyword.end(),
                                    [&](const auto& argument) { return argument.first == name; });
    if (named != arguments.keyword.end()) {
      if (slot) fail("got multiple values for argument '" + std::string(name) + "'");
      slot = std::move(named->second);
      arguments.keyword.erase(named);
    }
    if (!slot && !optional) fail("missing 1 required argument: '" + std::string(name) + "'");
  }
  arguments.positional.erase(arguments.positional.begin(),
                             arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken));
  if (!open && !arguments.positional.empty()) {
    fail("takes at most " + std::to_string(slots_.size()) + " arguments (" +
         std::to_string(slots_.size() + arguments.positional.size()) + " given)");
  }
  if (!open && !arguments.keyword.empty()) {
    fail("got an unexpected keyword argument '" + arguments.keyword.front().first + "'");
  }
  rest_ = std::move(arguments);
}

const Value& Parameters::operator[](std::size_t index) const {
  static const Value none{};
  return slots_[index] ? *slots_[index] : none;
}

bool Parameters::truth(std::size_t index, bool fallback) const {
  return slots_[index] ? jinja::truth(*slots_[index]) : fallback;
}

std::int64_t Parameters::integer(std::size_t index, std::int64_t fallback) const {
  const Value& value = (*this)[index];
  if (value.is_none()) return fallback;
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (!value.is_integral()) {
    throw Failure(std::string(operation_) + "(): '" + type_name(value) +
                  "' object cannot be interpreted as an integer");
  }
  return value.integer();
}

std::string_view Parameters::text(std::size_t index, std::string_view fallback) const {
  const Value& value = (*this)[index];
  if (value.is_none()) return fallback;
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (!value.is_string()) throw Failure(std::string(operation_) + "() wants a str, not " + type_name(value));
  return value.bytes();
}

Value apply(Runtime& runtime, const Operation& operation, const Value& subject, Arguments arguments) {
  runtime.budget.step();
  return operation.run(runtime, subject, Parameters(operation, std::move(arguments)));
}

}  // namespace assay::tokenizer::jinja

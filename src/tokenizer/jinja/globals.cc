#include "tokenizer/jinja/globals.h"

#include <array>
#include <ctime>
#include <vector>

#include "base/text.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_methods.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

Value range(Runtime& runtime, const Value&, P parameters) {
  const bool one = !parameters.has(1);
  for (std::size_t i = 0; i < 3; ++i) {
    if (parameters.has(i) && parameters[i].is_none()) {
      throw Failure("'NoneType' object cannot be interpreted as an integer");
    }
  }
  const std::int64_t first = parameters.integer(0, 0);
  return Value(std::make_shared<Range>(runtime.budget, one ? 0 : first, one ? first : parameters.integer(1, 0),
                                       parameters.integer(2, 1)));
}

// dict(mapping or pairs, name=value, ...)
Value make_dict(Runtime& runtime, const Value&, P parameters) {
  Budget& budget = runtime.budget;
  auto dict = std::make_shared<Dict>(&budget);
  if (parameters.rest().size() > 1) throw Failure("dict expected at most 1 argument");
  for (const Value& source : parameters.rest()) {
    if (source.is(Kind::dict)) {
      for (const auto& [key, value] : source.dict().items()) dict->set(budget, key, value);
      continue;
    }
    const Value all = iterate(budget, source);
    for (const Value& item : all.items()) {
      const Value pair = iterate(budget, item);
      if (pair.items().size() != 2) throw Failure("dictionary update sequence element is not a pair");
      dict->set(budget, pair.items()[0], pair.items()[1]);
    }
  }
  for (const auto& [name, value] : parameters.keyword()) dict->set(budget, string(&budget, name), value);
  return {Kind::dict, std::move(dict)};
}

Value make_namespace(Runtime& runtime, const Value& none, P parameters) {
  const Value values = make_dict(runtime, none, parameters);
  auto ns = std::make_shared<Namespace>(runtime.budget);
  for (const auto& [name, value] : values.dict().items()) {
    if (name.is_string()) ns->set(runtime.budget, name.bytes(), value);
  }
  runtime.namespaces.push_back(ns);
  return Value(std::move(ns));
}

Value make_cycler(Runtime& runtime, const Value&, P parameters) {
  if (parameters.rest().empty()) throw Failure("at least one item has to be provided");
  return Value(std::make_shared<Cycler>(runtime.budget, list(runtime.budget, parameters.rest())));
}

Value make_joiner(Runtime& runtime, const Value&, P parameters) {
  return Value(
      std::make_shared<Joiner>(runtime.budget, parameters.has(0) ? parameters[0] : string(&runtime.budget, ", ")));
}

Value raise_exception(Runtime& runtime, const Value&, P parameters) {
  const Value message = to_string(runtime.budget, parameters[0]);
  throw Raised(std::string(message.bytes()));
}

Value strftime_now(Runtime& runtime, const Value&, P parameters) {
  const std::string format(parameters.text(0, ""));
  if (format.size() > 1000) throw Failure("strftime_now() wants a shorter format");
  const std::time_t now = runtime.now ? *runtime.now : std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  // strftime returns 0 for an empty result too; the extra character tells that from a buffer too small.
  std::array<char, 16384> buffer;
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), (format + '.').c_str(), &local);
  if (size == 0) throw Failure("strftime_now() cannot use this format");
  std::string text(buffer.data(), size - 1);
  return string(&runtime.budget, replace_invalid_utf8(text));
}

}  // namespace

const Operation* find_global(std::string_view name) {
  static const std::vector<Operation> table = {
      {"range", range, "start stop? step?"},    {"dict", make_dict, "*"},
      {"namespace", make_namespace, "*"},       {"cycler", make_cycler, "*"},
      {"joiner", make_joiner, "sep?"},          {"raise_exception", raise_exception, "message"},
      {"strftime_now", strftime_now, "format"},
  };
  return find_operation(table, name);
}

}  // namespace assay::tokenizer::jinja

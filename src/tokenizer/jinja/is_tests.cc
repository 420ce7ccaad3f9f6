#include "tokenizer/jinja/is_tests.h"

#include <vector>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

template <Kind kKind>
Value is_kind(Runtime&, const Value& subject, P) {
  return Value(subject.is(kKind));
}

template <bool kWanted>
Value is_boolean(Runtime&, const Value& subject, P) {
  return Value(subject.is(Kind::boolean) && subject.boolean() == kWanted);
}

template <bool kEven>
Value has_parity(Runtime& runtime, const Value& subject, P) {
  const Value rest = arithmetic(runtime.budget, "%", subject, Value(std::int64_t{2}));
  return Value(equals(runtime.budget, rest, Value(std::int64_t{kEven ? 0 : 1})));
}

// A comparison by the name of its sign.
constexpr std::string_view sign(int index) {
  constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
  return kSigns[index];
}
template <int kSign>
Value comparison(Runtime& runtime, const Value& subject, P parameters) {
  return Value(compare(runtime.budget, sign(kSign), subject, parameters[0]));
}

Value is_callable(Runtime&, const Value& subject, P) {
  return Value(subject.is_undefined() || (subject.is(Kind::object) && subject.object().callable()));
}

Value is_iterable(Runtime&, const Value& subject, P) {
  if (!subject.is(Kind::object)) return Value(!subject.is_number() && !subject.is_none());
  const Object* object = &subject.object();
  return Value(object->length().has_value() || dynamic_cast<const Iterator*>(object) != nullptr);
}

Value is_sequence(Runtime&, const Value& subject, P) {
  return Value(subject.is_string() || subject.is_sequence() || subject.is(Kind::dict) || subject.is_undefined() ||
               subject.as<Range>() != nullptr);
}

Value is_same(Runtime& runtime, const Value& subject, P parameters) {
  const Value& other = parameters[0];
  if (subject.kind() != other.kind()) return Value(false);
  if (subject.node() != nullptr) return Value(subject.node() == other.node());
  return Value(equals(runtime.budget, subject, other));
}

template <const char* const& kPattern>
Value has_case(Runtime& runtime, const Value& subject, P) {
  const Value text = to_string(runtime.budget, subject);
  runtime.budget.step(text.bytes().size() / 8);
  return Value(matches(kPattern, text.bytes()));
}

const std::vector<Operation>& tests() {
  static const std::vector<Operation> table = {
      {"defined", [](Runtime&, const Value& subject, P) { return Value(!subject.is_undefined()); }, ""},
      {"undefined", is_kind<Kind::undefined>, ""},
      {"none", is_kind<Kind::none>, ""},
      {"string", is_kind<Kind::string>, ""},
      {"mapping", is_kind<Kind::dict>, ""},
      {"boolean", is_kind<Kind::boolean>, ""},
      {"integer", is_kind<Kind::integer>, ""},
      {"float", is_kind<Kind::real>, ""},
      {"number", [](Runtime&, const Value& subject, P) { return Value(subject.is_number()); }, ""},
      {"true", is_boolean<true>, ""},
      {"false", is_boolean<false>, ""},
      {"iterable", is_iterable, ""},
      {"sequence", is_sequence, ""},
      {"callable", is_callable, ""},
      {"sameas", is_same, "other"},
      {"escaped", [](Runtime&, const Value& subject, P) { return Value(subject.is_string() && subject.text().markup); },
       ""},
      {"in", [](Runtime& runtime, const Value& subject, P p) { return Value(contains(runtime.budget, p[0], subject)); },
       "seq"},
      {"odd", has_parity<false>, ""},
      {"even", has_parity<true>, ""},
      {"divisibleby",
       [](Runtime& runtime, const Value& subject, P p) {
         const Value rest = arithmetic(runtime.budget, "%", subject, p[0]);
         return Value(equals(runtime.budget, rest, Value(std::int64_t{0})));
       },
       "num"},
      {"lower", has_case<kLowerPattern>, ""},
      {"upper", has_case<kUpperPattern>, ""},
      {"filter",
       [](Runtime&, const Value& subject, P) {
         return Value(subject.is_string() && find_filter(subject.bytes()) != nullptr);
       },
       ""},
      {"test",
       [](Runtime&, const Value& subject, P) {
         return Value(subject.is_string() && find_test(subject.bytes()) != nullptr);
       },
       ""},
      {"==", comparison<0>, "other"},
      {"eq", comparison<0>, "other"},
      {"equalto", comparison<0>, "other"},
      {"!=", comparison<1>, "other"},
      {"ne", comparison<1>, "other"},
      {"<", comparison<2>, "other"},
      {"lt", comparison<2>, "other"},
      {"lessthan", comparison<2>, "other"},
      {"<=", comparison<3>, "other"},
      {"le", comparison<3>, "other"},
      {">", comparison<4>, "other"},
      {"gt", comparison<4>, "other"},
      {"greaterthan", comparison<4>, "other"},
      {">=", comparison<5>, "other"},
      {"ge", comparison<5>, "other"},
  };
  return table;
}

}  // namespace

const Operation* find_test(std::string_view name) { return find_operation(tests(), name); }

}  // namespace assay::tokenizer::jinja

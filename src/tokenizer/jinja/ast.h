// The syntax tree. Every node knows how to evaluate (expressions) or execute (statements) itself with an Interpreter.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/value.h"

namespace assay::tokenizer::jinja {

class Interpreter;

/// Where a node begins in the template; both count from 1.
struct Position {
  int line = 1, column = 1;
};

struct Expression {
  explicit Expression(Position position) : at(position) {}
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  virtual ~Expression() = default;
  virtual Value evaluate(Interpreter& interpreter) const = 0;
  Position at;
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct Constant final : Expression {
  Constant(Position position, Value constant) : Expression(position), value(std::move(constant)) {}
  Value evaluate(Interpreter& interpreter) const override;
  Value value;
};

struct Name final : Expression {
  Name(Position position, std::string identifier) : Expression(position), name(std::move(identifier)) {}
  Value evaluate(Interpreter& interpreter) const override;
  std::string name;
};

/// A list or a tuple.
struct Display final : Expression {
  Display(Position position, Kind sequence) : Expression(position), kind(sequence) {}
  Value evaluate(Interpreter& interpreter) const override;
  Kind kind;
  std::vector<ExpressionPtr> items;
};

struct DictDisplay final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};

/// a + b - c: operators of one precedence, from left to right.
struct Arithmetic final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr first;
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
};

/// a ~ b ~ c
struct Concatenation final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  std::vector<ExpressionPtr> items;
};

/// a < b <= c, a in b, a not in b
struct Comparison final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr first;
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
};

/// a and b and c; a or b or c. The value is that of the operand that decides.
struct Junction final : Expression {
  Junction(Position position, bool stops_at) : Expression(position), decisive(stops_at) {}
  Value evaluate(Interpreter& interpreter) const override;
  bool decisive;  ///< the truth at which the operands behind are not looked at
  std::vector<ExpressionPtr> items;
};

struct Unary final : Expression {
  enum class Operator { logical_not, minus, plus };
  Unary(Position position, Operator sign, ExpressionPtr inner)
      : Expression(position), op(sign), operand(std::move(inner)) {}
  Value evaluate(Interpreter& interpreter) const override;
  Operator op;
  ExpressionPtr operand;
};

/// a if condition else b; without else, undefined.
struct Conditional final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr condition, then, otherwise;
};

/// a.name
struct AttributeAccess final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object;
  std::string name;
};

/// a[key]
struct Subscript final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object, key;
};

/// a[start:stop:step]
struct Slice final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object, start, stop, step;  ///< all but object may be absent
};

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keyword;
  ExpressionPtr positional_list, keyword_dict;  ///< *args, **kwargs
};

struct Call final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr callee;
  CallArguments arguments;
};

/// a | name(arguments)
struct Filter final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr subject;  ///< absent in filter blocks and block assignments: the text of the block
  std::string name;
  const Operation* operation = nullptr;  ///< of that name, if there is one
  CallArguments arguments;
};

/// a is name(arguments)
struct Test final : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr subject;
  std::string name;
  const Operation* operation = nullptr;  ///< of that name, if there is one
  CallArguments arguments;
};

/// What a statement wants of the loop around it.
enum class Flow { next, leave_loop, continue_loop };

struct Statement {
  explicit Statement(Position position) : at(position) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  virtual ~Statement() = default;
  virtual Flow execute(Interpreter& interpreter) const = 0;
  Position at;
};
using Block = std::vector<std::unique_ptr<Statement>>;

/// Text outside of tags.
struct Data final : Statement {
  Data(Position position, std::string content) : Statement(position), text(std::move(content)) {}
  Flow execute(Interpreter& interpreter) const override;
  std::string text;
};

/// {{ expression }}
struct Output final : Statement {
  Output(Position position, ExpressionPtr printed) : Statement(position), expression(std::move(printed)) {}
  Flow execute(Interpreter& interpreter) const override;
  ExpressionPtr expression;
};

struct If final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};

/// What is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  Position at;
  std::string name, attribute;
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct For final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr items, condition;  ///< condition may be absent
  Block body, otherwise;
  bool is_recursive = false;  ///< loop(other items) runs the body over them, and is the text it prints

 private:
  Flow repeat(Interpreter& interpreter, const Value& source, std::size_t depth) const;
};

struct Set final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr value;
};

/// {% set x %}...{% endset %}
struct SetBlock final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr filter;  ///< may be absent
  Block body;
};

struct With final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Block body;
};

struct FilterBlock final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  ExpressionPtr filter;
  Block body;
};

/// {% generation %}...{% endgeneration %}: marks the assistant's text for training; its text is printed as it is.
struct Scoped final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  Block body;
};

struct MacroDefinition final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  std::string name;                                               ///< empty for the body of a call block
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  ///< with defaults, which may be absent
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
  Block body;
};

/// {% call(parameters) f(arguments) %}...{% endcall %}
struct CallBlock final : Statement {
  using Statement::Statement;
  Flow execute(Interpreter& interpreter) const override;
  std::unique_ptr<Call> call;
  std::unique_ptr<MacroDefinition> caller;
};

struct LoopControl final : Statement {
  LoopControl(Position position, Flow wish) : Statement(position), flow(wish) {}
  Flow execute(Interpreter&) const override { return flow; }
  Flow flow;
};

}  // namespace assay::tokenizer::jinja

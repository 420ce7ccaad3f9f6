#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/is_tests.h"
#include "tokenizer/jinja/parser.h"

namespace assay::tokenizer::jinja {

ExpressionPtr Parser::parse_expression() {
  Level level(*this);
  ExpressionPtr value = parse_or();
  while (is_name("if")) {
    level.deepen();
    auto node = std::make_unique<Conditional>(take().at);
    node->then = std::move(value);
    node->condition = parse_or();
    if (skip_name("else")) node->otherwise = parse_expression();
    value = std::move(node);
  }
  return value;
}

bool Parser::at_tuple_end() const {
  return peek().kind == TokenKind::variable_end || peek().kind == TokenKind::block_end || is_sign(")") ||
         is_name("recursive");
}

ExpressionPtr Parser::parse_tuple(bool conditional, bool parenthesized) {
  const Level level(*this);
  auto node = std::make_unique<Display>(peek().at, Kind::tuple);
  bool is_tuple = false;
  while (!at_tuple_end()) {
    node->items.push_back(conditional ? parse_expression() : parse_or());
    if (!skip_sign(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return node;
  if (node->items.empty()) {
    if (!parenthesized) fail_unexpected("an expression");
    return node;
  }
  return std::move(node->items.front());
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr first = parse_and();
  if (!is_name("or")) return first;
  auto node = std::make_unique<Junction>(first->at, true);
  node->items.push_back(std::move(first));
  while (skip_name("or")) node->items.push_back(parse_and());
  return node;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr first = parse_not();
  if (!is_name("and")) return first;
  auto node = std::make_unique<Junction>(first->at, false);
  node->items.push_back(std::move(first));
  while (skip_name("and")) node->items.push_back(parse_not());
  return node;
}

ExpressionPtr Parser::parse_not() {
  if (!is_name("not")) return parse_comparison();
  const Level level(*this);
  const Position at = take().at;
  return std::make_unique<Unary>(at, Unary::Operator::logical_not, parse_not());
}

ExpressionPtr Parser::parse_comparison() {
  ExpressionPtr first = parse_sum();
  auto node = std::make_unique<Comparison>(first->at);
  for (;;) {
    std::string sign;
    if (is_sign("==") || is_sign("!=") || is_sign("<") || is_sign("<=") || is_sign(">") || is_sign(">=") ||
        is_name("in")) {
      sign = take().text;
    } else if (is_name("not") && is_name("in", 1)) {
      take();
      take();
      sign = "not in";
    } else {
      break;
    }
    node->rest.emplace_back(std::move(sign), parse_sum());
  }
  if (node->rest.empty()) return first;
  node->first = std::move(first);
  return node;
}

ExpressionPtr Parser::parse_arithmetic(std::initializer_list<std::string_view> signs,
                                       ExpressionPtr (Parser::*operand)()) {
  ExpressionPtr first = (this->*operand)();
  std::unique_ptr<Arithmetic> node;
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view sign : signs) {
      if (!is_sign(sign)) continue;
      found = true;
      const Position at = take().at;
      if (node == nullptr) {
        node = std::make_unique<Arithmetic>(at);
        node->first = std::move(first);
      }
      node->rest.emplace_back(sign, (this->*operand)());
      break;
    }
  }
  if (node == nullptr) return first;
  return node;
}

ExpressionPtr Parser::parse_sum() { return parse_arithmetic({"+", "-"}, &Parser::parse_concatenation); }

ExpressionPtr Parser::parse_concatenation() {
  ExpressionPtr first = parse_product();
  if (!is_sign("~")) return first;
  auto node = std::make_unique<Concatenation>(first->at);
  node->items.push_back(std::move(first));
  while (skip_sign("~")) node->items.push_back(parse_product());
  return node;
}

ExpressionPtr Parser::parse_product() { return parse_arithmetic({"*", "/", "//", "%"}, &Parser::parse_power); }

// In Jinja ** groups from the left and binds less than a sign: -2 ** 2 is 4.
ExpressionPtr Parser::parse_power() { return parse_arithmetic({"**"}, &Parser::parse_operand); }

ExpressionPtr Parser::parse_operand() { return parse_unary(true); }

ExpressionPtr Parser::parse_unary(bool filters) {
  ExpressionPtr node;
  if (is_sign("-") || is_sign("+")) {
    const Level level(*this);
    const Token& sign = take();
    const auto op = sign.text == "-" ? Unary::Operator::minus : Unary::Operator::plus;
    node = std::make_unique<Unary>(sign.at, op, parse_unary(false));
  } else {
    node = parse_primary();
  }
  return parse_postfix(std::move(node), filters);
}

ExpressionPtr Parser::parse_primary() {
  const Token& token = peek();
  switch (token.kind) {
    case TokenKind::name: {
      take();
      const std::string& name = token.text;
      if (name == "true" || name == "True") return std::make_unique<Constant>(token.at, Value(true));
      if (name == "false" || name == "False") return std::make_unique<Constant>(token.at, Value(false));
      if (name == "none" || name == "None") return std::make_unique<Constant>(token.at, Value());
      for (MacroDefinition* macro : open_macros_) {
        macro->uses_varargs = macro->uses_varargs || name == "varargs";
        macro->uses_kwargs = macro->uses_kwargs || name == "kwargs";
        macro->uses_caller = macro->uses_caller || name == "caller";
      }
      return std::make_unique<Name>(token.at, name);
    }
    case TokenKind::string: {
      std::string text;
      while (peek().kind == TokenKind::string) text += take().text;
      return std::make_unique<Constant>(token.at, string(nullptr, std::move(text)));
    }
    case TokenKind::integer:
    case TokenKind::real:
      return parse_number();
    case TokenKind::sign:
      if (token.text == "(") {
        take();
        ExpressionPtr inner = parse_tuple(true, true);
        expect_sign(")");
        return inner;
      }
      if (token.text == "[") return parse_list();
      if (token.text == "{") return parse_dict();
      break;
    default:
      break;
  }
  fail_unexpected("an expression");
}

ExpressionPtr Parser::parse_number() {
  const Token& token = take();
  const char* end = token.text.data() + token.text.size();
  if (token.kind == TokenKind::real) {
    // Out of range gives infinity or zero, as in Python.
    return std::make_unique<Constant>(token.at, Value(std::strtod(token.text.c_str(), nullptr)));
  }
  const char letter = token.text.size() > 1 ? static_cast<char>(token.text[1] | 0x20) : '\0';
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
  std::int64_t value = 0;
  const auto result = std::from_chars(token.text.data() + (base == 10 ? 0 : 2), end, value, base);
  if (result.ec != std::errc()) fail_at(token.at, "the integer is past 64 bits");
  return std::make_unique<Constant>(token.at, Value(value));
}

ExpressionPtr Parser::parse_list() {
  auto node = std::make_unique<Display>(take().at, Kind::list);
  while (!is_sign("]")) {
    if (!node->items.empty()) {
      expect_sign(",");
      if (is_sign("]")) break;
    }
    node->items.push_back(parse_expression());
  }
  expect_sign("]");
  return node;
}

ExpressionPtr Parser::parse_dict() {
  auto node = std::make_unique<DictDisplay>(take().at);
  while (!is_sign("}")) {
    if (!node->items.empty()) {
      expect_sign(",");
      if (is_sign("}")) break;
    }
    ExpressionPtr key = parse_expression();
    expect_sign(":");
    node->items.emplace_back(std::move(key), parse_expression());
  }
  expect_sign("}");
  return node;
}

// Subscripts, attributes and calls; then, where allowed, filters and tests, which may be called again.
ExpressionPtr Parser::parse_postfix(ExpressionPtr inner, bool filters) {
  Level level(*this);
  while (is_sign(".") || is_sign("[") || is_sign("(")) {
    level.deepen();
    inner = is_sign("(") ? parse_call(std::move(inner)) : parse_subscript(std::move(inner));
  }
  while (filters && (is_sign("|") || is_name("is") || is_sign("("))) {
    level.deepen();
    if (skip_sign("|")) {
      inner = parse_filter(std::move(inner));
    } else {
      inner = is_sign("(") ? parse_call(std::move(inner)) : parse_test(std::move(inner));
    }
  }
  return inner;
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr inner) {
  const Token& token = take();
  if (token.text == ".") {
    if (peek().kind == TokenKind::integer) {
      auto node = std::make_unique<Subscript>(token.at);
      node->object = std::move(inner);
      node->key = parse_number();
      return node;
    }
    auto node = std::make_unique<AttributeAccess>(token.at);
    node->object = std::move(inner);
    node->name = take_name();
    return node;
  }
  const auto bound = [&]() -> ExpressionPtr { return is_sign(":") || is_sign("]") ? nullptr : parse_expression(); };
  ExpressionPtr first = bound();
  if (is_sign(":")) {
    auto node = std::make_unique<Slice>(token.at);
    node->object = std::move(inner);
    node->start = std::move(first);
    take();
    node->stop = bound();
    if (skip_sign(":")) node->step = bound();
    expect_sign("]");
    return node;
  }
  if (first == nullptr) fail_unexpected("an expression");
  if (is_sign(",")) {
    auto key = std::make_unique<Display>(first->at, Kind::tuple);
    key->items.push_back(std::move(first));
    while (skip_sign(",") && !is_sign("]")) key->items.push_back(parse_expression());
    first = std::move(key);
  }
  expect_sign("]");
  auto node = std::make_unique<Subscript>(token.at);
  node->object = std::move(inner);
  node->key = std::move(first);
  return node;
}

CallArguments Parser::parse_arguments() {
  CallArguments arguments;
  expect_sign("(");
  const auto ensure = [&](bool sound) {
    if (!sound) fail("this argument cannot come behind those before it");
  };
  for (bool first = true; !is_sign(")"); first = false) {
    if (!first) {
      expect_sign(",");
      if (is_sign(")")) break;
    }
    if (skip_sign("*")) {
      ensure(arguments.positional_list == nullptr && arguments.keyword_dict == nullptr);
      arguments.positional_list = parse_expression();
    } else if (skip_sign("**")) {
      ensure(arguments.keyword_dict == nullptr);
      arguments.keyword_dict = parse_expression();
    } else if (peek().kind == TokenKind::name && peek(1).kind == TokenKind::sign && peek(1).text == "=") {
      ensure(arguments.keyword_dict == nullptr);
      std::string name = take_name();
      take();
      arguments.keyword.emplace_back(std::move(name), parse_expression());
    } else {
      ensure(arguments.positional_list == nullptr && arguments.keyword_dict == nullptr && arguments.keyword.empty());
      arguments.positional.push_back(parse_expression());
    }
  }
  expect_sign(")");
  return arguments;
}

ExpressionPtr Parser::parse_call(ExpressionPtr callee) {
  auto node = std::make_unique<Call>(peek().at);
  node->callee = std::move(callee);
  node->arguments = parse_arguments();
  return node;
}

std::string Parser::parse_dotted_name() {
  std::string name = take_name();
  while (skip_sign(".")) name += "." + take_name();
  return name;
}

ExpressionPtr Parser::parse_filter(ExpressionPtr subject) {
  auto node = std::make_unique<Filter>(peek().at);
  node->subject = std::move(subject);
  node->name = parse_dotted_name();
  node->operation = find_filter(node->name);
  if (is_sign("(")) node->arguments = parse_arguments();
  return node;
}

// name(arguments) | name ..., for a block's text
ExpressionPtr Parser::parse_filter_chain() {
  Level level(*this);
  ExpressionPtr chain = parse_filter(nullptr);
  while (skip_sign("|")) {
    level.deepen();
    chain = parse_filter(std::move(chain));
  }
  return chain;
}

ExpressionPtr Parser::parse_test(ExpressionPtr subject) {
  take();
  const Position at = peek().at;
  const bool negated = skip_name("not");
  auto node = std::make_unique<Test>(peek().at);
  node->subject = std::move(subject);
  node->name = parse_dotted_name();
  node->operation = find_test(node->name);
  const TokenKind next = peek().kind;
  const bool operand = next == TokenKind::name || next == TokenKind::string || next == TokenKind::integer ||
                       next == TokenKind::real || is_sign("[") || is_sign("{");
  if (is_sign("(")) {
    node->arguments = parse_arguments();
  } else if (operand && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) fail("tests with 'is' cannot be chained");
    node->arguments.positional.push_back(parse_postfix(parse_primary(), false));
  }
  if (!negated) return node;
  return std::make_unique<Unary>(at, Unary::Operator::logical_not, std::move(node));
}

}  // namespace assay::tokenizer::jinja

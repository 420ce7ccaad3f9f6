#include "tokenizer/jinja/parser.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace assay::tokenizer::jinja {
namespace {

constexpr int kMaxNesting = 200;

std::string describe_token(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "end of template";
    case TokenKind::data:
      return "text";
    case TokenKind::variable_begin:
      return "'{{'";
    case TokenKind::variable_end:
      return "'}}'";
    case TokenKind::block_begin:
      return "'{%'";
    case TokenKind::block_end:
      return "'%}'";
    default:
      return "'" + printable(token.text, 40) + "'";
  }
}

}  // namespace

Parser::Level::Level(Parser& parser) : parser_(parser) { deepen(); }

void Parser::Level::deepen() {
  if (parser_.level_ >= kMaxNesting) parser_.fail("nests more than " + std::to_string(kMaxNesting) + " levels deep");
  ++parser_.level_;
  ++held_;
}

const Token& Parser::peek(std::size_t ahead) const { return tokens_[std::min(next_ + ahead, tokens_.size() - 1)]; }

const Token& Parser::take() {
  const Token& token = peek();
  if (token.kind != TokenKind::end) ++next_;
  return token;
}

bool Parser::is_sign(std::string_view text) const { return peek().kind == TokenKind::sign && peek().text == text; }

bool Parser::is_name(std::string_view text, std::size_t ahead) const {
  return peek(ahead).kind == TokenKind::name && peek(ahead).text == text;
}

bool Parser::skip_sign(std::string_view text) {
  if (!is_sign(text)) return false;
  take();
  return true;
}

bool Parser::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  take();
  return true;
}

void Parser::expect_sign(std::string_view text) {
  if (!skip_sign(text)) fail_unexpected("'" + std::string(text) + "'");
}

void Parser::expect_name(std::string_view text) {
  if (!skip_name(text)) fail_unexpected("'" + std::string(text) + "'");
}

std::string Parser::take_name() {
  if (peek().kind != TokenKind::name) fail_unexpected("a name");
  return take().text;
}

void Parser::expect(TokenKind kind) {
  if (peek().kind != kind) fail_unexpected(describe_token({kind, {}, {}}));
  take();
}

void Parser::fail(const std::string& message) const { fail_at(peek().at, message); }

void Parser::fail_unexpected(const std::string& wanted) const {
  fail("expected " + wanted + ", found " + describe_token(peek()));
}

Block Parser::parse() { return parse_block({}); }

// Statements up to a tag whose name is one of `ends`; that name is the next token then.
Block Parser::parse_block(std::initializer_list<std::string_view> ends) {
  const Level level(*this);
  Block block;
  for (;;) {
    switch (peek().kind) {
      case TokenKind::data: {
        const Token& token = take();
        block.push_back(std::make_unique<Data>(token.at, token.text));
        break;
      }
      case TokenKind::variable_begin:
        parse_output(block);
        break;
      case TokenKind::block_begin:
        take();
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return is_name(end); })) return block;
        block.push_back(parse_statement());
        expect(TokenKind::block_end);
        break;
      default:
        if (ends.size() > 0) fail_unexpected("'{% " + std::string(*(ends.end() - 1)) + " %}'");
        return block;
    }
  }
}

void Parser::parse_output(Block& block) {
  take();
  const Position at = peek().at;
  block.push_back(std::make_unique<Output>(at, parse_tuple()));
  expect(TokenKind::variable_end);
}

// The rest of an opening tag and the block behind it.
Block Parser::parse_body(std::initializer_list<std::string_view> ends) {
  skip_sign(":");
  expect(TokenKind::block_end);
  return parse_block(ends);
}

// A body whose text is caught, so that no break may leave it.
Block Parser::parse_isolated_body(std::string_view end) {
  const int loops = std::exchange(loops_, 0);
  Block body = parse_body({end});
  take();
  loops_ = loops;
  return body;
}

std::unique_ptr<Statement> Parser::parse_statement() {
  const Token& tag = peek();
  if (tag.kind != TokenKind::name) fail_unexpected("the name of a tag");
  const std::string& name = tag.text;
  if (name == "if") return parse_if();
  if (name == "for") return parse_for();
  if (name == "set") return parse_set();
  if (name == "with") return parse_with();
  if (name == "macro") return parse_macro();
  if (name == "call") return parse_call_block();
  if (name == "filter") return parse_filter_block();
  if (name == "generation") return parse_generation();
  if (name == "break") return parse_loop_control(Flow::leave_loop);
  if (name == "continue") return parse_loop_control(Flow::continue_loop);
  if (name == "extends" || name == "include" || name == "import" || name == "from" || name == "block") {
    fail_at(tag.at, "the tag '" + name + "', which joins several templates", ErrorKind::unsupported);
  }
  fail("unknown tag '" + printable(name, 40) + "'");
}

std::unique_ptr<Statement> Parser::parse_if() {
  auto node = std::make_unique<If>(take().at);
  for (;;) {
    ExpressionPtr condition = parse_tuple(false);
    node->branches.emplace_back(std::move(condition), parse_body({"elif", "else", "endif"}));
    const std::string end = take().text;
    if (end == "elif") continue;
    if (end == "else") {
      node->otherwise = parse_body({"endif"});
      take();
    }
    return node;
  }
}

std::unique_ptr<Statement> Parser::parse_for() {
  auto node = std::make_unique<For>(take().at);
  node->target = parse_target(true);
  expect_name("in");
  node->items = parse_tuple(false);
  if (skip_name("if")) node->condition = parse_expression();
  node->is_recursive = skip_name("recursive");
  ++loops_;
  node->body = parse_body({"else", "endfor"});
  --loops_;
  if (take().text == "else") {
    node->otherwise = parse_body({"endfor"});
    take();
  }
  return node;
}

std::unique_ptr<Statement> Parser::parse_set() {
  const Position at = take().at;
  Target target = parse_target(true);
  if (skip_sign("=")) {
    auto node = std::make_unique<Set>(at);
    node->target = std::move(target);
    node->value = parse_tuple();
    return node;
  }
  auto node = std::make_unique<SetBlock>(at);
  node->target = std::move(target);
  if (skip_sign("|")) node->filter = parse_filter_chain();
  node->body = parse_isolated_body("endset");
  return node;
}

std::unique_ptr<Statement> Parser::parse_with() {
  auto node = std::make_unique<With>(take().at);
  while (peek().kind != TokenKind::block_end) {
    if (!node->assignments.empty()) expect_sign(",");
    Target target = parse_target(false);
    expect_sign("=");
    node->assignments.emplace_back(std::move(target), parse_expression());
  }
  node->body = parse_body({"endwith"});
  take();
  return node;
}

std::unique_ptr<Statement> Parser::parse_macro() {
  auto node = std::make_unique<MacroDefinition>(take().at);
  node->name = take_name();
  parse_parameters(*node);
  parse_macro_body(*node, "endmacro");
  return node;
}

std::unique_ptr<Statement> Parser::parse_call_block() {
  const Position at = take().at;
  auto node = std::make_unique<CallBlock>(at);
  node->caller = std::make_unique<MacroDefinition>(at);
  if (is_sign("(")) parse_parameters(*node->caller);
  ExpressionPtr call = parse_expression();
  if (dynamic_cast<Call*>(call.get()) == nullptr) fail_at(at, "a call block wants a call");
  node->call.reset(static_cast<Call*>(call.release()));
  parse_macro_body(*node->caller, "endcall");
  return node;
}

std::unique_ptr<Statement> Parser::parse_filter_block() {
  auto node = std::make_unique<FilterBlock>(take().at);
  node->filter = parse_filter_chain();
  node->body = parse_isolated_body("endfilter");
  return node;
}

std::unique_ptr<Statement> Parser::parse_generation() {
  auto node = std::make_unique<Scoped>(take().at);
  node->body = parse_isolated_body("endgeneration");
  return node;
}

std::unique_ptr<Statement> Parser::parse_loop_control(Flow flow) {
  if (loops_ == 0) fail("'" + peek().text + "' outside of a loop");
  return std::make_unique<LoopControl>(take().at, flow);
}

void Parser::parse_parameters(MacroDefinition& macro) {
  expect_sign("(");
  while (!is_sign(")")) {
    if (!macro.parameters.empty()) expect_sign(",");
    std::string name = take_name();
    ExpressionPtr fallback;
    if (skip_sign("=")) {
      fallback = parse_expression();
    } else if (!macro.parameters.empty() && macro.parameters.back().second != nullptr) {
      fail("a parameter without default follows one with a default");
    }
    macro.parameters.emplace_back(std::move(name), std::move(fallback));
  }
  take();
}

void Parser::parse_macro_body(MacroDefinition& macro, std::string_view end) {
  open_macros_.push_back(&macro);
  macro.body = parse_isolated_body(end);
  open_macros_.pop_back();
  for (const auto& [name, fallback] : macro.parameters) {
    if (name == "varargs") macro.uses_varargs = false;
    if (name == "kwargs") macro.uses_kwargs = false;
    if (name == "caller") macro.uses_caller = false;
  }
}

Target Parser::parse_target(bool tuples) {
  const Level level(*this);
  const auto one = [&] {
    Target target;
    target.at = peek().at;
    if (skip_sign("(")) {
      target = parse_target(true);
      expect_sign(")");
      return target;
    }
    target.name = take_name();
    static constexpr std::string_view kReserved[] = {"true", "false", "none", "True", "False", "None"};
    if (std::find(std::begin(kReserved), std::end(kReserved), target.name) != std::end(kReserved)) {
      fail_at(target.at, "cannot assign to '" + target.name + "'");
    }
    if (skip_sign(".")) target.attribute = take_name();
    return target;
  };
  Target first = one();
  if (!tuples || !is_sign(",")) return first;
  Target tuple;
  tuple.at = first.at;
  tuple.is_tuple = true;
  tuple.parts.push_back(std::move(first));
  while (skip_sign(",")) {
    if (peek().kind != TokenKind::name && !is_sign("(")) break;
    if (is_name("in")) break;
    tuple.parts.push_back(one());
  }
  return tuple;
}

}  // namespace assay::tokenizer::jinja

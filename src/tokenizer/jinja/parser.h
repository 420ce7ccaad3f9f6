// From tokens to the syntax tree, with the precedence and the statements of Jinja 3.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/lexer.h"

namespace assay::tokenizer::jinja {

class Parser {
 public:
  /// Throws Error{input} with line and column; Error{unsupported} for statements that load other templates.
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}
  Block parse();

 private:
  // Tokens.
  const Token& peek(std::size_t ahead = 0) const;
  const Token& take();
  bool is_sign(std::string_view text) const;
  bool is_name(std::string_view text, std::size_t ahead = 0) const;
  bool skip_sign(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_sign(std::string_view text);
  void expect_name(std::string_view text);
  std::string take_name();
  void expect(TokenKind kind);
  [[noreturn]] void fail(const std::string& message) const;
  [[noreturn]] void fail_unexpected(const std::string& wanted) const;

  /// One level deeper for as long as it lives.
  class Level {
   public:
    explicit Level(Parser& parser);
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { parser_.level_ -= held_; }
    /// One more, for chains such as a.b.c, which nest to the left.
    void deepen();

   private:
    Parser& parser_;
    int held_ = 0;
  };

  // Statements (parser.cc).
  Block parse_block(std::initializer_list<std::string_view> ends);
  Block parse_body(std::initializer_list<std::string_view> ends);
  Block parse_isolated_body(std::string_view end);
  void parse_output(Block& block);
  std::unique_ptr<Statement> parse_statement();
  std::unique_ptr<Statement> parse_if();
  std::unique_ptr<Statement> parse_for();
  std::unique_ptr<Statement> parse_set();
  std::unique_ptr<Statement> parse_with();
  std::unique_ptr<Statement> parse_macro();
  std::unique_ptr<Statement> parse_call_block();
  std::unique_ptr<Statement> parse_filter_block();
  std::unique_ptr<Statement> parse_generation();
  std::unique_ptr<Statement> parse_loop_control(Flow flow);
  void parse_parameters(MacroDefinition& macro);
  void parse_macro_body(MacroDefinition& macro, std::string_view end);
  Target parse_target(bool tuples);

  // Expressions (parse_expression.cc).
  ExpressionPtr parse_expression();
  /// Expressions with commas between them are a tuple.
  ExpressionPtr parse_tuple(bool conditional = true, bool parenthesized = false);
  bool at_tuple_end() const;
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_arithmetic(std::initializer_list<std::string_view> signs, ExpressionPtr (Parser::*operand)());
  ExpressionPtr parse_operand();
  ExpressionPtr parse_unary(bool filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_number();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr inner, bool filters);
  ExpressionPtr parse_subscript(ExpressionPtr inner);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filter(ExpressionPtr subject);
  ExpressionPtr parse_filter_chain();
  ExpressionPtr parse_test(ExpressionPtr subject);
  CallArguments parse_arguments();
  std::string parse_dotted_name();

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int level_ = 0;
  int loops_ = 0;                              ///< open loops that break and continue may leave
  std::vector<MacroDefinition*> open_macros_;  ///< those whose body is being parsed
};

}  // namespace assay::tokenizer::jinja

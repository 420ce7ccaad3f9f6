// tokenize_lines MODEL.gguf: one JSON request a line on standard input, one JSON answer a line on standard output.
//   {"hex": BYTES, "add_special": BOOL, "parse_special": BOOL}
//       -> {"ids": [...], "decoded": BYTES, "streamed": [BYTES of each push, ..., finish]}
//   {"describe": true}
//       -> {"bos", "eos", "adds_bos", "adds_eos", "ends": [ids], "control": [ids], "pieces": [BYTES by id]}
//   {"split": [BYTES, ...], "pre": NAME}
//       -> for each text the pieces that this pre-tokenizer cuts it into
//   {"names": true}
//       -> one name of each pre-tokenizer
// BYTES are in hexadecimal, so that ill-formed UTF-8 can pass.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gguf/file.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace {

using assay::tokenizer::StreamDecoder;
using assay::tokenizer::Token;
using assay::tokenizer::Tokenizer;
using nlohmann::json;

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

json describe(const Tokenizer& tokenizer) {
  json answer = {{"adds_bos", tokenizer.adds_bos()}, {"adds_eos", tokenizer.adds_eos()}};
  answer["bos"] = tokenizer.bos() ? json(*tokenizer.bos()) : json();
  answer["eos"] = tokenizer.eos() ? json(*tokenizer.eos()) : json();
  answer["ends"] = answer["control"] = answer["pieces"] = json::array();
  for (std::size_t id = 0; id < tokenizer.size(); ++id) {
    const auto token = static_cast<Token>(id);
    if (tokenizer.ends_generation(token)) answer["ends"].push_back(token);
    if (tokenizer.kind(token) == assay::tokenizer::TokenKind::control) answer["control"].push_back(token);
    answer["pieces"].push_back(to_hex(tokenizer.piece(token)));
  }
  return answer;
}

json encode(const Tokenizer& tokenizer, const json& request) {
  const std::string text = from_hex(request.at("hex").get<std::string>());
  const std::vector<Token> ids =
      tokenizer.encode(text, {.add_special = request.at("add_special"), .parse_special = request.at("parse_special")});
  StreamDecoder stream(tokenizer, true);
  json streamed = json::array();
  for (const Token id : ids) streamed.push_back(to_hex(stream.push(id)));
  streamed.push_back(to_hex(stream.finish()));
  return {{"ids", ids}, {"decoded", to_hex(tokenizer.decode(ids))}, {"streamed", streamed}};
}

json split(const json& request) {
  const assay::tokenizer::PreTokenizer pre_tokenizer(request.at("pre").get<std::string>());
  json answer = json::array();
  for (const json& hex : request.at("split")) {
    const std::string text = from_hex(hex.get<std::string>());
    json pieces = json::array();
    for (const std::string_view piece : pre_tokenizer.split(text)) pieces.push_back(to_hex(piece));
    answer.push_back(std::move(pieces));
  }
  return answer;
}

json answer_to(const Tokenizer& tokenizer, const json& request) {
  if (request.contains("describe")) return describe(tokenizer);
  if (request.contains("names")) return assay::tokenizer::PreTokenizer::names();
  return request.contains("split") ? split(request) : encode(tokenizer, request);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::invalid_argument("usage: tokenize_lines MODEL.gguf");
    const assay::gguf::File file = assay::gguf::File::open(argv[1]);
    const std::unique_ptr<Tokenizer> tokenizer = Tokenizer::from_gguf(file);
    for (std::string line; std::getline(std::cin, line);) {
      const json request = json::parse(line);
      fmt::print("{}\n", answer_to(*tokenizer, request).dump());
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

// A conversation and its form for the model: messages in the shape that chat templates, /save and /load share.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "gguf/file.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

class Conversation {
 public:
  void set_system(const std::string& text);  ///< replaces the system message; an empty text removes it
  void add(std::string_view role, const std::string& content);
  void remove_last();
  void clear();  ///< all but the system message

  const nlohmann::ordered_json& messages() const { return messages_; }

  /// What the model may call: a list of {"type": "function", "function": {"name", "description", "parameters"}}, as
  /// transformers and OpenAI's API have it. Throws Error{input} for a file that holds anything but a list of objects.
  void load_tools(const std::filesystem::path& path);
  const nlohmann::ordered_json& tools() const { return tools_; }  ///< null where none were loaded

  /// {"version": 1, "messages": [...]}
  void save(const std::filesystem::path& path) const;
  /// The same, or the bare list. Throws Error{input} that says what is wrong, and changes nothing then.
  void load(const std::filesystem::path& path);

 private:
  bool has_system() const;

  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json tools_;
};

/// The template that a model file carries: for a conversation with tools its "tool_use" one, where it has that. Throws
/// Error{unsupported} when it has none, or has no place for tools that are there.
tokenizer::ChatTemplate read_chat_template(const gguf::File& file, bool with_tools = false);

/// The token ids of the conversation, ready for the model's answer. Templates write BOS themselves; where they do not,
/// and the vocabulary asks for one, it is added.
std::vector<tokenizer::Token> render(const tokenizer::ChatTemplate& chat_template,
                                     const tokenizer::Tokenizer& tokenizer, const Conversation& conversation);

}  // namespace assay::cli

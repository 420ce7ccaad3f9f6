#include "cli/conversation.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace assay::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFileBytes = 256 << 20;

bool is_message(const Json& message) {
  return message.is_object() && message.contains("role") && message["role"].is_string() &&
         message.contains("content") && message["content"].is_string();
}

}  // namespace

bool Conversation::has_system() const { return !messages_.empty() && messages_[0]["role"] == "system"; }

void Conversation::set_system(const std::string& text) {
  if (has_system()) messages_.erase(0);
  if (!text.empty()) messages_.insert(messages_.begin(), Json{{"role", "system"}, {"content", text}});
}

void Conversation::add(std::string_view role, const std::string& content) {
  messages_.push_back({{"role", role}, {"content", content}});
}

void Conversation::remove_last() { messages_.erase(messages_.size() - 1); }

void Conversation::clear() {
  const Json system = has_system() ? messages_[0] : Json();
  messages_ = Json::array();
  if (!system.is_null()) messages_.push_back(system);
}

void Conversation::save(const std::filesystem::path& path) const {
  const Json document = {{"version", 1}, {"messages", messages_}};
  OutputFile file(path);
  file.write(document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  file.commit();
}

void Conversation::load(const std::filesystem::path& path) {
  const Json document = Json::parse(read_file(path, kMaxFileBytes), nullptr, false);
  const Json messages = document.is_object() && document.contains("messages") ? document["messages"] : document;
  if (!messages.is_array()) {
    throw Error(ErrorKind::input, fmt::format("{}: not a conversation", path.string()),
                R"(It should hold {"messages": [{"role": "user", "content": "..."}]}.)");
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!is_message(messages[i])) {
      throw Error(ErrorKind::input, fmt::format("{}: message {} has no role and content as text", path.string(), i));
    }
  }
  messages_ = messages;
}

void Conversation::load_tools(const std::filesystem::path& path) {
  const Json tools = Json::parse(read_file(path, kMaxFileBytes), nullptr, false);
  const auto is_object = [](const Json& tool) { return tool.is_object(); };
  if (!tools.is_array() || !std::all_of(tools.begin(), tools.end(), is_object)) {
    throw Error(ErrorKind::input, fmt::format("{}: not a list of tools", path.string()),
                R"(It should hold [{"type": "function", "function": {"name": "...", "parameters": {...}}}].)");
  }
  tools_ = tools;
}

tokenizer::ChatTemplate read_chat_template(const gguf::File& file, bool with_tools) {
  const auto general = file.get_string("tokenizer.chat_template");
  const auto special = with_tools ? file.get_string("tokenizer.chat_template.tool_use") : std::nullopt;
  const auto source = special ? special : general;
  if (!source) {
    throw Error(ErrorKind::unsupported, fmt::format("{} has no chat template: it only continues texts", file.name()),
                "Use `assay run` without --chat, or a chat model: assay chat smollm2");
  }
  if (with_tools && source->find("tools") == std::string_view::npos) {
    throw Error(ErrorKind::unsupported, fmt::format("the chat template of {} has no place for tools", file.name()),
                "leave out --tools, and describe them in --system if the model knows how to call them");
  }
  return tokenizer::ChatTemplate(std::string(*source));
}

std::vector<tokenizer::Token> render(const tokenizer::ChatTemplate& chat_template,
                                     const tokenizer::Tokenizer& tokenizer, const Conversation& conversation) {
  Json context = {{"messages", conversation.messages()}, {"add_generation_prompt", true}};
  const auto bos = tokenizer.bos();
  const auto eos = tokenizer.eos();
  context["bos_token"] = bos ? tokenizer.text(*bos) : "";
  context["eos_token"] = eos ? tokenizer.text(*eos) : "";
  if (!conversation.tools().is_null()) context["tools"] = conversation.tools();
  std::vector<tokenizer::Token> ids = tokenizer.encode(chat_template.render(context), {.add_special = false});
  if (bos && tokenizer.adds_bos() && (ids.empty() || ids[0] != *bos)) ids.insert(ids.begin(), *bos);
  return ids;
}

}  // namespace assay::cli

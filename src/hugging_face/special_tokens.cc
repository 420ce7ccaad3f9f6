#include "hugging_face/special_tokens.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace assay::hugging_face {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxTemplateBytes = std::size_t{16} << 20;

/// Our word, and GGUF's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kRoles = {{{"bos", "bos"},
                                                                                  {"eos", "eos"},
                                                                                  {"unk", "unknown"},
                                                                                  {"sep", "seperator"},
                                                                                  {"pad", "padding"},
                                                                                  {"cls", "cls"},
                                                                                  {"mask", "mask"}}};

Settings read_or_nothing(const std::filesystem::path& path, std::size_t max_bytes) {
  if (!std::filesystem::exists(path)) return {path.string(), Json::object()};
  return Settings::read(path, max_bytes);
}

class SpecialTokenReader {
 public:
  SpecialTokenReader(const std::filesystem::path& folder, const Settings& config, const Settings& tokenizer)
      : folder_(folder),
        config_(config),
        tokenizer_(tokenizer),
        settings_(read_or_nothing(folder / "tokenizer_config.json", kMaxConfigBytes)),
        generation_(read_or_nothing(folder / "generation_config.json", kMaxConfigBytes)) {}

  void write(gguf::Writer& out) {
    read_names();
    read_frame();
    for (const auto& [role, key] : kRoles) {
      if (const auto id = id_of(role)) out.add_uint("tokenizer.ggml." + std::string(key) + "_token_id", *id);
    }
    const bool is_unigram = Settings(tokenizer_.file(), tokenizer_.object("model")).text("type") == "Unigram";
    if (const auto id = end_of_turn()) out.add_uint("tokenizer.ggml.eot_token_id", *id);
    for (const std::string_view role : {"bos", "eos"}) {
      const auto adds = adds_.find(role) != adds_.end() ? std::optional(adds_.find(role)->second)
                                                        : settings_.flag("add_" + std::string(role) + "_token");
      // It asks for a token that there is. Of Unigram, engines take for granted what T5 does.
      if (adds || is_unigram)
        out.add_bool("tokenizer.ggml.add_" + std::string(role) + "_token", adds.value_or(false) && id_of(role));
    }
    write_templates(out);
  }

 private:
  /// bos_token and its like are texts, or objects with the text in `content`.
  void read_names() {
    for (const auto& [role, key] : kRoles) {
      const std::string name = std::string(role) + "_token";
      const Json* value = settings_.find(name);
      if (value == nullptr) continue;
      const Json& text = value->is_object() && value->contains("content") ? (*value)["content"] : *value;
      if (text.is_string()) names_[std::string(role)] = text.get<std::string>();
    }
  }

  /// What the post-processor puts around a text.
  void read_frame() {
    const Settings post(tokenizer_.file() + ": post_processor", tokenizer_.object("post_processor"));
    if (!post.has("processors")) return read_processor(post);
    for (const Json& processor : post.array("processors")) {
      if (processor.is_object()) read_processor({post.file(), processor});
    }
  }

  void read_processor(const Settings& processor) {
    const std::string type = processor.text("type").value_or("");
    if (type == "ByteLevel") {
      adds_.emplace("bos", false);
      adds_.emplace("eos", false);
    }
    if (type == "BertProcessing" || type == "RobertaProcessing") {
      for (const auto& [role, name] : {std::pair("bos", "cls"), std::pair("eos", "sep")}) {
        const Json& token = processor.array(name);
        if (token.empty() || !token[0].is_string()) processor.refuse(name, "must be a text and an id");
        names_.emplace(role, token[0].get<std::string>());
        adds_[role] = names_[role] == token[0].get<std::string>();
      }
    }
    if (type != "TemplateProcessing") return;
    const Json& single = processor.array("single");
    if (single.size() < 2) return;
    const auto special = [&](const Json& entry) -> std::optional<std::string> {
      if (!entry.is_object() || !entry.contains("SpecialToken")) return std::nullopt;
      return Settings(processor.file(), Settings(processor.file(), entry).object("SpecialToken")).text("id");
    };
    if (const auto first = special(single.front())) {
      names_.emplace("bos", *first);
      adds_["bos"] = names_["bos"] == *first;
    }
    if (const auto last = special(single.back())) {
      if (names_.count("eos") > 0 && names_["eos"] != *last) names_.emplace("eot", names_["eos"]);
      names_["eos"] = *last;
      adds_["eos"] = true;
    }
  }

  /// By the name of the token, else by config.json.
  std::optional<std::uint32_t> id_of(std::string_view role) const {
    const auto name = names_.find(std::string(role));
    if (name != names_.end()) {
      if (const auto id = id_of_token(name->second)) return id;
    }
    const Settings model(tokenizer_.file() + ": model", tokenizer_.object("model"));
    if (role == "unk" && model.has("unk_id")) return model.count("unk_id");
    const Json* id = config_.find(std::string(role) + "_token_id");
    if (id == nullptr || !id->is_number_unsigned()) return std::nullopt;
    return config_.count(std::string(role) + "_token_id");
  }

  std::optional<std::uint32_t> id_of_token(const std::string& text) const {
    for (const Json& entry : tokenizer_.array("added_tokens")) {
      if (entry.is_object() && entry.value("content", Json()) == text) {
        return Settings(tokenizer_.file() + ": added_tokens", entry).count("id");
      }
    }
    return std::nullopt;
  }

  /// The first of generation_config.json's ends that is not EOS.
  std::optional<std::uint32_t> end_of_turn() const {
    const auto named = names_.find("eot");
    if (named != names_.end()) return id_of_token(named->second);
    const Json* ends = generation_.find("eos_token_id");
    if (ends == nullptr || !ends->is_array()) return std::nullopt;
    const auto eos = id_of("eos");
    for (const Json& end : *ends) {
      if (end.is_number_unsigned() && end.get<std::uint64_t>() <= UINT32_MAX && end != Json(eos.value_or(UINT32_MAX))) {
        return end.get<std::uint32_t>();
      }
    }
    return std::nullopt;
  }

  /// One template, or several with names, of which "default" is the one.
  void write_templates(gguf::Writer& out) const {
    const std::filesystem::path file = folder_ / "chat_template.jinja";
    const Json* given = settings_.find("chat_template");
    if (given != nullptr && given->is_array()) {
      for (const Json& entry : *given) {
        if (!entry.is_object()) settings_.refuse("chat_template", "must be a text or a list of objects");
        const Settings named(settings_.file() + ": chat_template", entry);
        const auto name = named.text("name");
        const auto text = named.text("template");
        if (!name || !text) named.refuse("name", "or template is missing");
        out.add_string("tokenizer.chat_template" + (*name == "default" ? "" : "." + *name), *text);
      }
    } else if (given != nullptr) {
      out.add_string("tokenizer.chat_template", *settings_.text("chat_template"));
    } else if (std::filesystem::exists(file)) {
      out.add_string("tokenizer.chat_template", read_file(file, kMaxTemplateBytes));
    }
  }

  const std::filesystem::path& folder_;
  const Settings& config_;
  const Settings& tokenizer_;
  Settings settings_;
  Settings generation_;
  std::map<std::string, std::string, std::less<>> names_;  ///< by role: the token's text
  std::map<std::string, bool, std::less<>> adds_;          ///< by role: whether a text gets it
};

}  // namespace

void add_special_tokens(const std::filesystem::path& folder, const Settings& config, const Settings& tokenizer,
                        gguf::Writer& out) {
  SpecialTokenReader(folder, config, tokenizer).write(out);
}

}  // namespace assay::hugging_face

#include "hugging_face/pre_tokenizer_name.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "tokenizer/pre_tokenizer.h"

namespace assay::hugging_face {
namespace {

/// The steps of a pre-tokenizer as expressions; nullopt where one is of a kind that GGUF has no word for.
bool append_expressions(const Json& step, std::vector<std::string>& expressions, int depth = 0) {
  constexpr int kMaxDepth = 8;
  if (step.is_null()) return true;
  if (!step.is_object() || depth > kMaxDepth) return false;
  const std::string type = step.value("type", "");
  if (type == "Sequence") {
    const Json steps = step.value("pretokenizers", Json::array());
    return std::all_of(steps.begin(), steps.end(),
                       [&](const Json& inner) { return append_expressions(inner, expressions, depth + 1); });
  }
  if (type == "ByteLevel") {
    if (step.value("use_regex", true)) expressions.emplace_back(tokenizer::PreTokenizer::byte_level_expression());
    return true;
  }
  if (type == "Digits") {
    expressions.emplace_back(step.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
    return true;
  }
  if (type == "Punctuation") {
    // What Unicode counts as punctuation, and all of ASCII's symbols.
    const std::string behavior = step.value("behavior", "Isolated");
    if (behavior != "Isolated" && behavior != "Contiguous") return false;
    expressions.emplace_back(behavior == "Isolated" ? R"([\p{P}$+<=>^~|`])" : R"([\p{P}$+<=>^~|`]+)");
    return true;
  }
  if (type != "Split") return false;
  const Json pattern = step.value("pattern", Json::object());
  const std::string behavior = step.value("behavior", "");
  const bool is_inverted = step.value("invert", false);
  if (!pattern.contains("Regex") || !(behavior == "Isolated" || (behavior == "Removed" && is_inverted))) return false;
  expressions.push_back(pattern["Regex"].get<std::string>());
  return true;
}

}  // namespace

std::string name_of_pre_tokenizer(const Settings& tokenizer, bool ignores_merges) {
  std::vector<std::string> expressions;
  std::string_view name;
  const Json* steps = tokenizer.find("pre_tokenizer");
  if (steps != nullptr && append_expressions(*steps, expressions)) {
    name = tokenizer::PreTokenizer::name_of(expressions, ignores_merges);
  }
  if (!name.empty()) return std::string(name);
  std::string known;
  for (const std::string_view other : tokenizer::PreTokenizer::names()) {
    known.append(known.empty() ? "" : ", ").append(other);
  }
  tokenizer.refuse("pre_tokenizer", "is none of those that GGUF has a name for",
                   "If you know how it cuts, say so: assay convert --pre NAME, one of " + known + ".");
}

}  // namespace assay::hugging_face

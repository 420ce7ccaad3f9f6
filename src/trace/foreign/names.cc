#include "trace/foreign/names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/glob.h"
#include "base/text.h"
#include "trace/foreign/name_tables.h"

namespace assay::trace {
namespace {

using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 7> kBlockWords = {"blk", "layers", "layer", "block", "blocks", "h", "l"};
constexpr std::array<std::string_view, 13> kWrappers = {"model", "transformer", "module",  "base", "language",
                                                        "text",  "llama",       "decoder", "orig", "mod",
                                                        "taps",  "trace",       "dump"};
constexpr std::array<std::string_view, 13> kEndings = {"reshaped", "view",       "permuted",   "cont",       "copy",
                                                       "copied",   "output",     "outputs",    "transposed", "result",
                                                       "tensor",   "activation", "activations"};
constexpr std::array<std::string_view, 8> kTokens = {
    "tokens", "input.ids", "ids", "token.ids", "inp.tokens", "prompt", "prompt.tokens.ids", "input.tokens"};
constexpr std::array<std::string_view, 7> kGenerated = {
    "generated", "generated.ids", "output.ids", "output.tokens", "sequences", "sampled", "generated.tokens"};

template <std::size_t count>
bool is_one_of(const std::array<std::string_view, count>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_number(std::string_view word) {
  return !word.empty() && word.size() < 6 &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Words words_of(std::string_view given) {
  Words words;
  bool is_inside = false;
  for (const char c : given) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_word =
        is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<signed char>(c) < 0;
    if (is_word && !is_inside) words.emplace_back();
    if (is_word) words.back() += is_upper ? static_cast<char>(c - 'A' + 'a') : c;
    is_inside = is_word;
  }
  return words;
}

std::string join(std::span<const std::string> words) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += '.';
    joined += word;
  }
  return joined;
}

std::string canonical(std::string_view name) { return join(words_of(name)); }

/// "3" of "layer3".
std::string_view number_behind_block_word(std::string_view word) {
  for (const std::string_view block : kBlockWords) {
    if (word.starts_with(block) && is_number(word.substr(block.size()))) return word.substr(block.size());
  }
  return {};
}

const NameRow* find_row(std::span<const NameRow> rows, std::string_view theirs) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const NameRow& row) { return row.theirs == theirs; });
  return found == rows.end() ? nullptr : &*found;
}

Named nothing(std::string remark) { return {NameKind::nothing, {}, true, std::move(remark), 0}; }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// Where another engine has one of our names for something else too, the row names both.
bool is_among(const std::vector<std::string_view>& targets, std::string_view leaf) {
  return std::any_of(targets.begin(), targets.end(),
                     [&](std::string_view target) { return canonical(target) == leaf; });
}

}  // namespace

std::string without_number(std::string_view name) {
  std::string result(name);
  const std::size_t digits = result.find_last_not_of("0123456789");
  if (digits != std::string::npos && digits + 1 < result.size()) result.replace(digits + 1, std::string::npos, "N");
  return result;
}

std::string_view without_device(std::string_view name) {
  const std::size_t begin = name.find('#');
  const std::size_t end = name.rfind('#');
  return begin == end ? name : name.substr(begin + 1, end - begin - 1);
}

Names::Names(const model::Plan& plan, NameMap map) : map_(std::move(map)), layers_(plan.layers) {
  for (const model::Value& value : plan.values) taps_.emplace(canonical(value.tap), value.tap);
  for (const gguf::Tensor* weight : plan.weights) weights_.emplace(canonical(weight->name), weight->name);
}

Named Names::tap(std::string_view name) const {
  const auto found = taps_.find(canonical(name));
  if (found == taps_.end()) return {};
  return {NameKind::tap, {found->second}};
}

Named Names::weight(std::string_view name) const {
  const auto found = weights_.find(canonical(name));
  if (found == weights_.end()) return {};
  return {NameKind::weight, {found->second}};
}

Named Names::from_map(std::string_view given, const std::string& target) const {
  if (target == "-") return nothing("left out by the map");
  if (target == "tokens") return {NameKind::tokens};
  if (target == "generated") return {NameKind::generated};
  Named named = tap(target);
  if (named.kind == NameKind::unknown) named = weight(target);
  if (named.kind != NameKind::unknown) return named;
  std::vector<std::string> known;
  for (const auto& [spelled, name] : taps_) known.push_back(name);
  for (const auto& [spelled, name] : weights_) known.push_back(name);
  const std::vector<std::string> nearest = nearest_names(target, known);
  throw Error(ErrorKind::input,
              fmt::format("the map makes '{}' of '{}', which is no tap and no tensor of the model",
                          printable(target, 60), printable(given, 60)),
              nearest.empty() ? "" : fmt::format("Did you mean {}?", fmt::join(nearest, ", ")));
}

Named Names::find(std::string_view given) const {
  if (const auto target = map_.find(given)) return from_map(given, *target);
  Words words = words_of(without_device(given));
  if (!words.empty() && words.front() == "cache") return nothing("the cache: no tap");
  while (!words.empty()) {
    Words shorter = words;
    while (!shorter.empty()) {
      Named named = from_words(shorter);
      if (named.kind != NameKind::unknown) return named;
      // A tuple's first part is numbered too.
      if (!is_one_of(kEndings, shorter.back()) && shorter.back() != "0") break;
      shorter.pop_back();
    }
    if (!is_one_of(kWrappers, words.front())) break;
    words.erase(words.begin());
  }
  return {};
}

Named Names::from_words(const Words& words) const {
  const std::string whole = join(words);
  for (const Named& named : {tap(whole), weight(whole)}) {
    if (named.kind != NameKind::unknown) return named;
  }
  if (is_one_of(kTokens, whole)) return {NameKind::tokens};
  if (is_one_of(kGenerated, whole)) return {NameKind::generated};
  if (whole == "prompt.tokens" || whole == "n.prompt") return {NameKind::prompt_tokens};
  if (whole == "prescribed") return {NameKind::prescribed};
  if (whole == "positions" || whole == "position.ids" || whole == "attention.mask") {
    return nothing("no tap");
  }
  if (whole == "hidden.states") return {NameKind::hidden_states};
  if (whole.starts_with("hidden.states.") && words.size() == 3 && is_number(words[2])) {
    const std::size_t index = std::stoul(words[2]);
    if (index == 0) return from_tables("", whole, "");
    if (index < layers_) return tap(fmt::format("blk.{}.out", index - 1));
    Named last = index == layers_ ? tap("final_norm") : Named{};
    last.remark = "the last hidden state is after the final norm";
    last.precedence = 1;
    return last;
  }

  const std::string ending = words.back() == "weight" || words.back() == "bias" ? words.back() : "";
  const std::span<const std::string> parts(words.data(), words.size() - (ending.empty() ? 0 : 1));
  if (parts.empty()) return {};
  const auto block = [](std::string_view number) { return fmt::format("blk.{}.", number); };
  if (is_one_of(kBlockWords, parts.front()) && parts.size() > 1 && is_number(parts[1])) {
    return from_tables(block(parts[1]), join(parts.subspan(2)), ending);
  }
  if (const std::string_view number = number_behind_block_word(parts.front()); !number.empty()) {
    return from_tables(block(number), join(parts.subspan(1)), ending);
  }
  if (parts.size() > 1 && is_number(parts.back())) {
    return from_tables(block(parts.back()), join(parts.first(parts.size() - 1)), ending);
  }
  return from_tables("", join(parts), ending);
}

Named Names::from_tables(std::string_view block, const std::string& leaf, std::string_view ending) const {
  const auto with_block = [&](std::string_view name) { return fmt::format("{}{}", block, name); };
  if (ending.empty()) {
    const NameRow* row = find_row(block.empty() ? model_taps() : block_taps(), leaf);
    Named ours = tap(with_block(leaf));
    if (ours.kind != NameKind::unknown && (row == nullptr || !is_among(split(row->ours, ' '), leaf))) return ours;
    if (row != nullptr) {
      Named named{NameKind::nothing, {}, row->first_is_likely, std::string(row->remark), row->precedence};
      for (const std::string_view target : split(row->ours, ' ')) {
        for (const std::string_view alternative : split(target, '|')) {
          Named one = tap(with_block(alternative));
          if (one.kind != NameKind::tap) continue;
          named.targets.push_back(std::move(one.targets.front()));
          break;
        }
      }
      if (!named.targets.empty()) named.kind = NameKind::tap;
      if (named.targets.empty() && !row->ours.empty()) named.remark = "the model has no such value";
      return named;
    }
  }
  const NameRow* row = find_row(block.empty() ? model_weights() : block_weights(), leaf);
  for (const std::string_view alternative : split(row == nullptr ? std::string_view(leaf) : row->ours, '|')) {
    Named named = weight(fmt::format("{}{}.{}", block, alternative, ending.empty() ? "weight" : ending));
    if (named.kind != NameKind::unknown) return named;
  }
  return {};
}

}  // namespace assay::trace

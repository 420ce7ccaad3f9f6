#include "diagnose/gates/tokens.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "diagnose/gates/readings.h"

namespace assay::diagnose {
namespace {

using tokenizer::Token;
using tokenizer::Tokenizer;
using Ids = std::vector<Token>;

/// What is said of a mistake; {} is where its parameter stands.
struct Words {
  std::string_view fault;
  std::string_view rule;  ///< the value of its parameter; empty: any
  std::string_view claim;
  std::string_view remedy;
  std::string_view sources;
};
constexpr Words kWords[] = {
    {"bos_missing", "", "leaves out the token {} that this model wants in front of every text",
     "Put that token in front of the prompt, once.", "ggml-org/llama.cpp#1303 nobodywho-ooo/nobodywho#328"},
    {"bos_double", "",
     "puts the token {} in front more than once; often a template writes it, and the tokenizer adds it again",
     "Add it only where the text does not begin with it.", "ggml-org/llama.cpp#7898"},
    {"bos_added", "", "puts the token {} in front, which this model does not want there",
     "Follow tokenizer.ggml.add_bos_token.", "ggml-org/llama.cpp#7898"},
    {"eos_appended", "", "ends the prompt with {}, behind which the model has nothing more to say",
     "Leave the end token out of prompts.", "JunSuzukiJapan/rustorch"},
    {"last_token_twice", "", "feeds the prompt's last token, {}, twice",
     "Decode the first new token from the logits of the prompt's last row, without feeding that token again.",
     "utensils/mold#1690 vllm-project/tpu-inference#125"},
    {"space_prefix", "missing", "leaves out the space that this vocabulary puts before a text's first word",
     "Put a space (U+2581) before the text, as tokenizer.ggml.add_space_prefix says.", "ggml-org/llama.cpp#2805"},
    {"space_prefix", "only_first", "puts the space before the text's first word, but not behind special tokens",
     "Put a space before every stretch of text between special tokens.", "ggml-org/llama.cpp#2805"},
    {"space_prefix", "doubled", "puts a second space before the text's first word",
     "The vocabulary adds one space by itself; add none.", "ggml-org/llama.cpp#2805"},
    {"space_prefix", "added", "puts a space before the text, which this vocabulary does not want",
     "Tokenize the text as it is.", "ggml-org/llama.cpp#2805"},
    {"special_as_text", "", "spells special tokens that stand in the text letter by letter",
     "Find special tokens in the text first, and tokenize what lies between them.",
     "ggml-org/llama.cpp#27371 ggml-org/llama.cpp#2820"},
    {"pre_tokenizer", "none", "merges across words: it does not cut the text before merging",
     "Cut the text with the expressions of tokenizer.ggml.pre, and merge inside the pieces.",
     "ggml-org/llama.cpp#6914 ggml-org/llama.cpp#6920"},
    {"pre_tokenizer", "longest_match", "takes the longest token at every place",
     "Merge pairs, the best first: by the order of tokenizer.ggml.merges, or by tokenizer.ggml.scores.",
     "ztxz16/fastllm#715 kekzl/imp#37"},
    {"pre_tokenizer", "unknown", "makes other tokens of the same text, by no rule that is known here",
     "Compare how the text is cut and in which order pairs are merged with the tokenizer of this model.",
     "ztxz16/fastllm#715 ggml-org/llama.cpp#7476"},
    {"pre_tokenizer", "", "cuts the text as the pre-tokenizer {} does, not as this vocabulary wants",
     "Use the expressions that tokenizer.ggml.pre names.",
     "ggml-org/llama.cpp#6920 ggml-org/llama.cpp#7476 EricLBuehler/mistral.rs#326"},
    {"prompt_text", "newline_missing", "was given the prompt without its last newline",
     "Give both the same text, byte for byte.", "ggml-org/llama.cpp#2805"},
    {"prompt_text", "newline_appended", "was given the prompt with a newline behind it",
     "Give both the same text, byte for byte.", "ggml-org/llama.cpp#2805"},
    {"prompt_text", "trimmed", "removes white space at the ends of the prompt",
     "Give both the same text, byte for byte.", "ggml-org/llama.cpp#2805"},
    {"prompt_text", "wrapped", "was given more than the prompt, which stands inside its ids: a chat template?",
     "Give the whole text with its template as the prompt.", "ggml-org/llama.cpp#27371"},
    {"prompt_text", "truncated", "was given a part of the prompt", "Raise the length to which prompts are cut.",
     "ggml-org/llama.cpp#2805"},
    {"outside_vocabulary", "", "was given {}, which this model's vocabulary does not have",
     "Use the vocabulary in the model's file.", "ztxz16/fastllm#715"},
    {"unknown", "", "was given other ids than this model's tokenizer makes of the prompt, by no known mistake",
     "Compare both lists of ids.", "ggml-org/llama.cpp#7476"},
};

const Words& words_of(const TokenMistake& mistake) {
  const std::string_view rule = mistake.parameters.empty() ? std::string_view() : mistake.parameters.front().value;
  return *std::find_if(std::begin(kWords), std::end(kWords), [&](const Words& words) {
    return words.fault == mistake.fault && (words.rule.empty() || words.rule == rule);
  });
}

double share_of_differences(const Ids& a, const Ids& b) {
  const std::size_t longer = std::max(a.size(), b.size());
  std::size_t same = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) same += a[i] == b[i] ? 1 : 0;
  return longer == 0 ? 0 : static_cast<double>(longer - same) / static_cast<double>(longer);
}

bool begins_with(const Ids& ids, const Ids& beginning) {
  return ids.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), ids.begin());
}

class TokenGate {
 public:
  TokenGate(const gguf::File& file, const Tokenizer& tokenizer, std::span<const std::int32_t> ids)
      : readings_(file, tokenizer), tokenizer_(tokenizer), theirs_(ids.begin(), ids.end()) {}

  GateReport run(std::optional<std::string_view> prompt) {
    if (theirs_.empty() || has_strangers()) return std::move(report_);
    if (prompt) {
      judge_with(*prompt);
    } else {
      judge_alone();
    }
    return std::move(report_);
  }

 private:
  bool has_strangers() {
    const auto is_stranger = [&](Token id) { return id < 0 || static_cast<std::size_t>(id) >= tokenizer_.size(); };
    const auto count = std::count_if(theirs_.begin(), theirs_.end(), is_stranger);
    if (count == 0) return false;
    const auto first = std::find_if(theirs_.begin(), theirs_.end(), is_stranger);
    add({"outside_vocabulary", {{"id", fmt::to_string(*first)}}}, 0.99);
    Finding& finding = report_.findings.back();
    finding.fingerprint = fmt::format("{} of {} ids, the first at place {}; the vocabulary has {} tokens", count,
                                      theirs_.size(), first - theirs_.begin(), tokenizer_.size());
    finding.residual_before = static_cast<double>(count) / static_cast<double>(theirs_.size());
    finding.residual_after = finding.residual_before;
    return true;
  }

  void judge_with(std::string_view prompt) {
    const Ids body = readings_.right(prompt);
    right_ = with_bos(right_bos(body), without_bos(body));
    std::vector<std::vector<TokenMistake>> best;
    std::size_t least = 4;
    // Mistakes around the text cost as much as those inside it.
    for (std::size_t inside = 0; inside <= 2 && inside <= least; ++inside) {
      for (ReadText& read : readings_.with(prompt, inside)) {
        std::optional<std::vector<TokenMistake>> around = mistakes_around(read.ids);
        if (!around) continue;
        around->insert(around->end(), read.mistakes.begin(), read.mistakes.end());
        if (around->size() < least) best.clear();
        least = std::min(least, around->size());
        if (around->size() == least) best.push_back(std::move(*around));
      }
    }
    if (best.empty()) return judge_unexplained(body);
    if (least > 0) say(best);
  }

  std::size_t leading_bos(const Ids& ids) const {
    const auto end = std::find_if(ids.begin(), ids.end(), [&](Token id) { return id != tokenizer_.bos(); });
    return static_cast<std::size_t>(end - ids.begin());
  }
  Ids without_bos(const Ids& ids) const {
    return {ids.begin() + static_cast<std::ptrdiff_t>(leading_bos(ids)), ids.end()};
  }
  Ids with_bos(std::size_t count, const Ids& ids) const {
    Ids all(count, tokenizer_.bos().value_or(0));
    all.insert(all.end(), ids.begin(), ids.end());
    return all;
  }
  /// A text that begins with BOS itself needs no other.
  std::size_t right_bos(const Ids& body) const {
    return std::max<std::size_t>(leading_bos(body), tokenizer_.adds_bos() ? 1 : 0);
  }

  std::string name_of(Token id) const { return fmt::format("{} '{}'", id, printable(tokenizer_.piece(id), 24)); }
  TokenMistake around(std::string fault, Token id) const { return {std::move(fault), {{"token", name_of(id)}}}; }

  std::optional<TokenMistake> bos_mistake(std::size_t right) const {
    const std::size_t count = leading_bos(theirs_);
    if (count < right) return around("bos_missing", tokenizer_.bos().value());
    if (count > right) return around(count == 1 ? "bos_added" : "bos_double", tokenizer_.bos().value());
    return std::nullopt;
  }

  /// What was done to the front and the end of `body`, if that is all.
  std::optional<std::vector<TokenMistake>> mistakes_around(const Ids& body) const {
    std::vector<TokenMistake> mistakes;
    if (auto mistake = bos_mistake(right_bos(body))) mistakes.push_back(std::move(*mistake));
    const Ids inner = without_bos(body);
    const Ids ids = without_bos(theirs_);
    if (!begins_with(ids, inner)) return std::nullopt;
    std::span<const Token> rest = std::span(ids).subspan(inner.size());
    const auto ends = [&] { return !rest.empty() && tokenizer_.ends_generation(rest.front()); };
    if (!rest.empty() && !ends() && !inner.empty() && rest.front() == inner.back()) {
      mistakes.push_back(around("last_token_twice", rest.front()));
      rest = rest.subspan(1);
    }
    if (ends()) {
      const bool is_asked_for = tokenizer_.adds_eos() && rest.front() == tokenizer_.eos();
      if (!is_asked_for) mistakes.push_back(around("eos_appended", rest.front()));
      rest = rest.subspan(1);
    }
    if (!rest.empty()) return std::nullopt;
    return mistakes;
  }

  /// Explanations of the same faults are one, with the parameters that give the same ids; others are ties.
  void say(const std::vector<std::vector<TokenMistake>>& explanations) {
    std::vector<TokenMistake> chosen = explanations.front();
    std::set<std::string> ties;
    std::size_t alike = 1;  // pre-tokenizers; the first few say which kind it is
    for (std::size_t i = 1; i < explanations.size(); ++i) {
      const auto same_fault = [](const TokenMistake& a, const TokenMistake& b) { return a.fault == b.fault; };
      if (std::equal(chosen.begin(), chosen.end(), explanations[i].begin(), same_fault)) {
        for (std::size_t k = 0; k < chosen.size(); ++k) {
          if (chosen[k].fault != "pre_tokenizer") continue;
          if (++alike <= 4) chosen[k].parameters[0].value += " or " + explanations[i][k].parameters[0].value;
        }
        continue;
      }
      std::vector<std::string_view> names;
      for (const TokenMistake& mistake : explanations[i]) names.push_back(mistake.fault);
      ties.insert(fmt::format("{}", fmt::join(names, " and ")));
    }
    for (TokenMistake& mistake : chosen) {
      if (mistake.fault == "pre_tokenizer" && alike > 4)
        mistake.parameters[0].value += fmt::format(" or {} others", alike - 4);
    }
    // A single token behind the prompt may be the first that was decoded.
    for (const TokenMistake& mistake : chosen) {
      const bool may_be_decoded = mistake.fault == "last_token_twice" || mistake.fault == "eos_appended";
      const double confidence = may_be_decoded ? 0.85 : theirs_.size() < 4 ? 0.9 : 0.99;
      add(mistake, confidence / static_cast<double>(1 + ties.size()));
      Finding& finding = report_.findings.back();
      finding.fingerprint = first_difference();
      finding.residual_before = share_of_differences(theirs_, right_);
      finding.ties.assign(ties.begin(), ties.end());
    }
  }

  void judge_unexplained(const Ids& body) {
    const Ids inner = without_bos(body);
    const Ids ids = without_bos(theirs_);
    if (!inner.empty() && begins_with(ids, inner)) {
      report_.notes.push_back(fmt::format("{} more ids stand behind those of the prompt; they are taken as decoded",
                                          ids.size() - inner.size()));
      if (auto mistake = bos_mistake(right_bos(body))) add_unexplained(*mistake, 0.9);
      return;
    }
    if (auto mistake = bos_mistake(right_bos(body))) add_unexplained(*mistake, 0.8);
    const auto wrapped = [&](const Ids& outer, const Ids& part) {
      return !part.empty() && std::search(outer.begin(), outer.end(), part.begin(), part.end()) != outer.end();
    };
    if (wrapped(ids, inner)) return add_unexplained({"prompt_text", {{"rule", "wrapped"}}}, 0.8);
    if (wrapped(inner, ids)) return add_unexplained({"prompt_text", {{"rule", "truncated"}}}, 0.8);
    const bool same_text = tokenizer_.decode(ids, true) == tokenizer_.decode(inner, true);
    if (same_text) return add_unexplained({"pre_tokenizer", {{"like", "unknown"}}}, 0.8);
    add_unexplained({"unknown", {}}, 0.9);
  }

  void add_unexplained(const TokenMistake& mistake, double confidence) {
    add(mistake, confidence);
    Finding& finding = report_.findings.back();
    finding.fingerprint = first_difference();
    finding.residual_before = finding.residual_after = share_of_differences(theirs_, right_);
  }

  void judge_alone() {
    const Ids ids = without_bos(theirs_);
    const std::size_t wanted = tokenizer_.adds_bos() ? 1 : std::min<std::size_t>(1, leading_bos(theirs_));
    if (const auto mistake = bos_mistake(wanted)) suspect(*mistake, with_bos(wanted, ids), 0.4);
    if (ids.size() < 2) return;
    if (tokenizer_.eos() == ids.back()) suspect(around("eos_appended", ids.back()), without_last(), 0.3);
    judge_repetition(ids);
    const std::string text = tokenizer_.decode(ids, true);
    const Ids right = readings_.right(text);
    if (text.empty() || right == ids) return;
    for (const ReadText& read : readings_.with(text, 1)) {
      if (read.ids != ids || read.mistakes.front().fault == "prompt_text") continue;
      // Few ids may be so by chance.
      suspect(read.mistakes.front(), with_bos(leading_bos(theirs_), right), ids.size() >= 8 ? 0.4 : 0.2);
      return;
    }
    report_.notes.emplace_back(
        "the ids are not those that this model's tokenizer makes of the text they spell; without the prompt nothing "
        "can be said about why");
  }

  Ids without_last() const { return {theirs_.begin(), theirs_.end() - 1}; }

  void suspect(const TokenMistake& mistake, Ids right, double confidence) {
    right_ = std::move(right);
    add_unexplained(mistake, confidence);
    report_.findings.back().residual_after = 0;
  }

  void judge_repetition(const Ids& ids) {
    const auto last = ids.end() - 1;
    const std::string piece = tokenizer_.piece(*last);
    const bool is_word = std::any_of(piece.begin(), piece.end(),
                                     [](char c) { return (c >= 'a' && c <= 'z') || static_cast<signed char>(c) < 0; });
    const bool elsewhere = std::adjacent_find(ids.begin(), last) != last;
    if (*last == *(last - 1) && is_word && !elsewhere) {
      suspect(around("last_token_twice", *last), without_last(), 0.2);
    }
  }

  std::string first_difference() const {
    const std::size_t shorter = std::min(theirs_.size(), right_.size());
    const auto place = static_cast<std::size_t>(
        std::mismatch(theirs_.begin(), theirs_.begin() + static_cast<std::ptrdiff_t>(shorter), right_.begin()).first -
        theirs_.begin());
    return fmt::format("first difference at place {}: theirs {}; right {}", place, around_place(theirs_, place),
                       around_place(right_, place));
  }

  std::string around_place(const Ids& ids, std::size_t place) const {
    constexpr std::size_t kShown = 4;
    std::vector<std::string> names;
    for (std::size_t i = place; i < std::min(ids.size(), place + kShown); ++i) names.push_back(name_of(ids[i]));
    return names.empty() ? "nothing more" : fmt::format("{}", fmt::join(names, ", "));
  }

  void add(const TokenMistake& mistake, double confidence) {
    const Words& words = words_of(mistake);
    Finding finding;
    finding.taps = {"tokens"};
    finding.operation = "tokens";
    finding.fault = mistake.fault;
    finding.parameters = mistake.parameters;
    finding.claim = words.claim;
    if (const std::size_t hole = finding.claim.find("{}"); hole != std::string::npos) {
      finding.claim.replace(hole, 2, mistake.parameters.front().value);
    }
    finding.remedy = words.remedy;
    finding.sources = words.sources;
    finding.confidence = confidence;
    report_.findings.push_back(std::move(finding));
  }

  Readings readings_;
  const Tokenizer& tokenizer_;
  Ids theirs_;
  Ids right_;
  GateReport report_;
};

}  // namespace

GateReport check_tokens(const gguf::File& file, const Tokenizer& tokenizer, std::optional<std::string_view> prompt,
                        std::span<const std::int32_t> ids) {
  return TokenGate(file, tokenizer, ids).run(prompt);
}

}  // namespace assay::diagnose

#include "diagnose/probe.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::diagnose {
namespace {

using tokenizer::Token;
using tokenizer::Tokenizer;

constexpr std::size_t kShortPrompt = 12;
constexpr std::size_t kShortSteps = 4;
constexpr std::size_t kLongPrompt = 72;
constexpr std::size_t kLongSteps = 8;
/// A window further away costs more than a first run of an unknown engine should.
constexpr std::size_t kFarthestWindow = 512;
constexpr std::size_t kBehindWindow = 8;
/// Where engines change kernels with the number of tokens.
constexpr std::array<std::size_t, 2> kBatchBorders = {32, 64};

/// Words come back at uneven distances, numbers have several digits, and some letters are not ASCII.
constexpr std::array<std::string_view, 60> kWords = {
    "the",   "king", "of",    "the",  "3333", "café", "and",   "the",  "king", "said",    "777",   "and",
    "one",   "more", "café",  "for",  "the",  "king", "in",    "1984", "he",   "said",    "naïve", "und",
    "schön", "was",  "one",   "word", "of",   "the",  "third", "one",  "and",  "3.14159", "was",   "one",
    "of",    "the",  "three", "or",   "the",  "four", "which", "he",   "knew", "27182",   "Ωμέγα", "the",
    "last",  "and",  "the",   "king", "said", "日本", "and",   "then", "was",  "silent",  "for",   "7000"};

std::vector<Token> encode(const Tokenizer& tokenizer, const std::string& text) {
  auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = false});
  // An end token behind the prompt would end the text before it is continued.
  if (tokenizer.adds_eos() && tokenizer.eos() && !ids.empty() && ids.back() == *tokenizer.eos()) ids.pop_back();
  return ids;
}

/// Whether the vocabulary can spell it.
bool is_spelled(const Tokenizer& tokenizer, std::string_view word) {
  const auto ids = tokenizer.encode(word, {.add_special = false, .parse_special = false});
  return !ids.empty() && tokenizer.decode(ids) == word;
}

std::string join(const std::vector<std::string_view>& words, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += words[i % words.size()];
  }
  return text;
}

/// The shortest run of words with at least `least` tokens; nothing where the next word takes more than `most`.
std::optional<std::string> text_of(const Tokenizer& tokenizer, const std::vector<std::string_view>& words,
                                   std::size_t least, std::size_t most) {
  if (words.size() < 2) return std::nullopt;
  std::size_t low = 1;
  std::size_t high = least;  // a word is a token at least
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (encode(tokenizer, join(words, middle)).size() < least) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (std::size_t count = low; count > 0; --count) {
    std::string text = join(words, count);
    const std::size_t tokens = encode(tokenizer, text).size();
    if (tokens >= 2 && tokens <= most) return text;
  }
  return std::nullopt;
}

/// Without words: spread over the vocabulary, every third one a repetition.
std::vector<Token> ids_without_text(const model::Plan& plan, const Tokenizer& tokenizer, std::size_t count) {
  std::vector<Token> ids;
  if (tokenizer.adds_bos() && tokenizer.bos()) ids.push_back(*tokenizer.bos());
  for (std::size_t i = 0; ids.size() < std::max<std::size_t>(count, 2); ++i) {
    const std::size_t which = i % 3 == 2 ? i / 2 : i;
    ids.push_back(static_cast<Token>((plan.vocabulary / 3 + 7919 * which) % plan.vocabulary));
  }
  return ids;
}

/// The smallest window of the plan's attention, 0 where all positions are seen.
std::size_t smallest_window(const model::Plan& plan) {
  std::size_t window = 0;
  for (const model::Step& step : plan.steps) {
    const auto* attention = std::get_if<model::Attention>(&step.operation);
    if (attention == nullptr || attention->window == 0) continue;
    window = window == 0 ? attention->window : std::min(window, attention->window);
  }
  return window;
}

bool has_shared_heads(const model::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const model::Step& step) {
    const auto* attention = std::get_if<model::Attention>(&step.operation);
    return attention != nullptr && attention->kv_heads != attention->heads;
  });
}

/// "token 261 at 1, 4, 8": the one that comes most often.
std::string repetition(const std::vector<Token>& ids) {
  std::map<Token, std::vector<std::size_t>> places;
  for (std::size_t i = 0; i < ids.size(); ++i) places[ids[i]].push_back(i);
  const auto most = std::max_element(places.begin(), places.end(),
                                     [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (most->second.size() < 2) return "";
  const auto shown = std::min<std::size_t>(most->second.size(), 4);
  std::string text = fmt::format("token {} at positions ", most->first);
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", most->second[i]);
  return text + (shown < most->second.size() ? ", ..." : "");
}

void describe(const model::Plan& plan, Probe& probe) {
  const std::size_t tokens = probe.prompt.size();
  probe.exposes.push_back(fmt::format("rotation, causal mask and norms: {} tokens, not BOS alone", tokens));
  if (const std::string again = repetition(probe.prompt); !again.empty()) {
    probe.exposes.push_back(fmt::format("positions: {}, equal before the first rotation and not behind it", again));
  }
  if (has_shared_heads(plan)) {
    probe.exposes.push_back("the map of query heads to key/value heads: their numbers differ, and so do the tokens");
  }
  if (!probe.text.empty()) {
    const bool digits = probe.text.find_first_of("0123456789") != std::string::npos;
    const bool foreign = std::any_of(probe.text.begin(), probe.text.end(), [](char c) { return (c & 0x80) != 0; });
    if (digits || foreign) {
      probe.exposes.push_back(fmt::format("tokenizers, where yours encodes the text:{}{}{}",
                                          digits ? " numbers of several digits" : "", digits && foreign ? "," : "",
                                          foreign ? " letters that are not ASCII" : ""));
    }
  }
  probe.exposes.push_back(
      fmt::format("cache and position of decoding: {} tokens one by one after the prompt", probe.decode_steps));
  for (const std::size_t border : kBatchBorders) {
    if (tokens > border) {
      probe.exposes.push_back(fmt::format("what changes in batches of more than {} tokens", border));
    } else {
      probe.hides.push_back(fmt::format("what changes in batches of more than {} tokens", border));
    }
  }
  const std::size_t window = smallest_window(plan);
  if (window == 0) return;
  const std::size_t all = tokens + probe.decode_steps;
  (all > window ? probe.exposes : probe.hides).push_back(fmt::format("the window of {} positions", window));
}

}  // namespace

std::vector<Probe> choose_probes(const model::Plan& plan, const Tokenizer& tokenizer, const ProbeLimits& limits) {
  if (limits.context < 3) {
    throw Error(ErrorKind::usage, fmt::format("a context of {} has no room for a probe", limits.context),
                "Two tokens and a decoded one are the least: give --ctx.");
  }
  std::vector<std::string_view> words;
  std::copy_if(kWords.begin(), kWords.end(), std::back_inserter(words),
               [&](std::string_view word) { return is_spelled(tokenizer, word); });

  const auto make = [&](std::string name, std::size_t tokens, std::size_t steps) {
    Probe probe;
    probe.name = std::move(name);
    probe.decode_steps = std::min(steps, limits.context - 2);
    const std::size_t most = limits.context - probe.decode_steps;
    if (const auto text = text_of(tokenizer, words, std::min(tokens, most), most)) {
      probe.text = *text;
      probe.prompt = encode(tokenizer, *text);
    } else {
      probe.prompt = ids_without_text(plan, tokenizer, std::min(tokens, most));
    }
    describe(plan, probe);
    return probe;
  };

  std::vector<Probe> probes;
  probes.push_back(make("short", kShortPrompt, kShortSteps));
  std::size_t tokens = limits.long_prompt;
  if (tokens == 0) {
    const std::size_t window = smallest_window(plan);
    tokens = window > kFarthestWindow ? kLongPrompt : std::max(kLongPrompt, window + kBehindWindow);
  }
  Probe longer = make("long", tokens, kLongSteps);
  if (longer.prompt.size() <= probes[0].prompt.size()) return probes;
  if (const std::size_t window = smallest_window(plan); limits.long_prompt == 0 && window > kFarthestWindow) {
    longer.hides.back() = fmt::format("the window of {} positions: too long for a first run, ask for it with --long {}",
                                      window, window + kBehindWindow);
  }
  probes.push_back(std::move(longer));
  return probes;
}

}  // namespace assay::diagnose

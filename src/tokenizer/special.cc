#include "tokenizer/special.h"

#include <algorithm>
#include <utility>

namespace assay::tokenizer {

namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary) {
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    const auto token = static_cast<Token>(id);
    const TokenKind kind = vocabulary.kind(token);
    const bool always = kind == TokenKind::user_defined;
    if (!always && kind != TokenKind::control && kind != TokenKind::unknown) continue;
    const std::string_view text = vocabulary.text(token);
    const bool keeps = text == "<unk>" || text == "<s>" || text == "<|endoftext|>";
    if (!text.empty()) specials_.push_back({text, token, always, vocabulary.strips_behind_special && !keeps});
  }
  // Stable and unique: of equal texts the lowest id stays.
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const Special& a, const Special& b) { return a.text < b.text; });
  const auto same_text = [](const Special& a, const Special& b) { return a.text == b.text; };
  specials_.erase(std::unique(specials_.begin(), specials_.end(), same_text), specials_.end());
  std::vector<std::string_view> texts;
  for (const Special& special : specials_) texts.push_back(special.text);
  search_ = PrefixSearch(std::move(texts));
}

std::vector<std::size_t> SpecialTokens::occurring(std::string_view text, bool parse_special) const {
  std::vector<bool> seen(specials_.size());
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    search_.for_each(text, at, [&](std::size_t index) {
      if (seen[index] || !(parse_special || specials_[index].always)) return;
      seen[index] = true;
      found.push_back(index);
    });
  }
  std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
    const Special& x = specials_[a];
    const Special& y = specials_[b];
    return x.text.size() != y.text.size() ? x.text.size() > y.text.size() : x.token < y.token;
  });
  return found;
}

std::vector<Fragment> SpecialTokens::partition(std::string_view text, bool parse_special) const {
  struct Place {
    std::size_t begin, end;
    const Special* special;
  };
  std::vector<Place> places;
  const std::vector<std::size_t> found = occurring(text, parse_special);
  std::vector<bool> taken(found.empty() ? 0 : text.size());
  for (const std::size_t index : found) {
    const Special& special = specials_[index];
    std::size_t at = text.find(special.text);
    while (at != std::string_view::npos) {
      const std::size_t end = at + special.text.size();
      // Whatever is taken already is at least as long, so it covers one end of this place if it covers any of it.
      const bool free = !taken[at] && !taken[end - 1];
      if (free) {
        std::fill(taken.begin() + static_cast<std::ptrdiff_t>(at), taken.begin() + static_cast<std::ptrdiff_t>(end),
                  true);
        places.push_back({at, end, &special});
      }
      at = text.find(special.text, free ? end : at + 1);
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });

  std::vector<Fragment> fragments;
  std::size_t done = 0;
  for (const Place& place : places) {
    if (place.begin > done) fragments.push_back({text.substr(done, place.begin - done), std::nullopt});
    fragments.push_back({text.substr(place.begin, place.end - place.begin), place.special->token});
    done = std::max(done, place.end);
    while (place.special->strips && done < text.size() && is_ascii_space(text[done])) ++done;
  }
  if (done < text.size()) fragments.push_back({text.substr(done), std::nullopt});
  return fragments;
}

}  // namespace assay::tokenizer

#include "trace/foreign/assemble.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/foreign/content.h"
#include "trace/foreign/placement.h"

namespace assay::trace {
namespace {

constexpr std::size_t kMaxTokens = 1 << 26;

/// An array whose name may be that of a tap.
struct Item {
  Array array;
  Named named;
  std::optional<std::size_t> first_token;
  std::vector<double> values;  // decoded when first needed
};

class Assembler {
 public:
  Assembler(ForeignTrace& trace, const model::Plan& plan, const Names& names, const ForeignOptions& options)
      : trace_(trace), plan_(plan), names_(names), options_(options) {
    for (std::size_t i = 0; i < plan.values.size(); ++i) ids_.emplace(plan.values[i].tap, i);
  }

  void run(std::vector<Array> arrays) {
    for (Array& array : arrays) sort_in(std::move(array));
    settle_tokens();
    const Content content(options_.reference, tokens_of_model());
    const Placer placer(plan_, content, trace_.token_count, trace_.prompt_tokens);
    std::stable_sort(items_.begin(), items_.end(),
                     [](const Item& a, const Item& b) { return a.named.precedence < b.named.precedence; });
    // Sure names first: they leave fewer taps for the others.
    for (Item& item : items_) {
      if (item.named.targets.size() == 1) place_sure(item, placer);
    }
    std::vector<Item*> open;
    for (Item& item : items_) {
      if (item.named.targets.size() == 1) continue;
      const bool was_named = item.named.kind == NameKind::tap;
      std::erase_if(item.named.targets, [&](const std::string& target) { return trace_.find(target) != nullptr; });
      if (was_named && item.named.targets.size() <= 1) {
        place_likeliest(item, placer);
      } else {
        open.push_back(&item);
      }
    }
    match_by_content(open, placer, content);
    for (Item* item : open) place_likeliest(*item, placer);
  }

 private:
  void leave_out(const std::string& name, const std::string& why) {
    trace_.extra.push_back(fmt::format("{}: {}", printable(name), why));
  }

  /// By the name alone.
  void sort_in(Array array) {
    Item item;
    std::string_view name = array.name;
    if (const std::size_t at = name.rfind('@'); at != std::string_view::npos) {
      std::size_t first = 0;
      const auto parsed = std::from_chars(name.data() + at + 1, name.data() + name.size(), first);
      if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size() && first < kMaxTokens) {
        item.first_token = first;
        name = name.substr(0, at);
      }
    }
    item.named = names_.find(name);
    switch (item.named.kind) {
      case NameKind::nothing: {
        const std::string general = without_number(array.name);
        if (known_.insert(general).second) leave_out(general, item.named.remark);
        return;
      }
      case NameKind::weight:
        trace_.weights.push_back({item.named.targets.front(), array.name, std::move(array)});
        return;
      case NameKind::tokens:
        trace_.tokens = integers(array);
        return;
      case NameKind::generated:
        trace_.generated = integers(array);
        return;
      case NameKind::prescribed:
        if (const auto flag = integers(array); flag.size() == 1) trace_.is_prescribed = flag[0] != 0;
        return;
      case NameKind::prompt_tokens:
        if (const auto count = integers(array); count.size() == 1 && count[0] > 0) {
          trace_.prompt_tokens = static_cast<std::size_t>(count[0]);
        }
        return;
      case NameKind::hidden_states:
        return sort_in_hidden_states(array, std::string_view(array.name).substr(name.size()));
      case NameKind::tap:
      case NameKind::unknown:
        break;
    }
    if (array.dtype == gguf::Dtype::u16 || array.dtype == gguf::Dtype::i16) {
      array.dtype = gguf::Dtype::bf16;
      item.named.remark += item.named.remark.empty() ? "" : "; ";
      item.named.remark += "16-bit integers: taken as the bits of bfloat16";
    }
    if (!gguf::is_float(array.dtype)) return leave_out(array.name, "an unknown name, and no floats");
    item.array = std::move(array);
    items_.push_back(std::move(item));
  }

  /// One array [states, ..., tokens, channels], as torch.stack makes of them. `at` is "@12" or empty.
  void sort_in_hidden_states(const Array& array, std::string_view at) {
    const std::size_t states = plan_.layers + 1;
    if (array.shape.empty() || array.shape[0] != states || array.fortran_order) {
      return leave_out(array.name, fmt::format("hidden states are {}, the embedding and one a block", states));
    }
    const std::size_t bytes = array.data.size() / states;
    for (std::size_t state = 0; state < states; ++state) {
      Array part = array;
      part.name = fmt::format("hidden_states.{}{}", state, at);
      part.shape.erase(part.shape.begin());
      part.data = array.data.subspan(state * bytes, bytes);
      sort_in(std::move(part));
    }
  }

  std::vector<std::int32_t> integers(const Array& array) const {
    if (array.values() > kMaxTokens) {
      throw Error(ErrorKind::input, fmt::format("{}: array '{}': {} numbers are no token ids", trace_.source,
                                                printable(array.name), array.values()));
    }
    std::vector<std::int32_t> ids;
    for (const double value : read_values(array)) {
      // Also when it is NaN.
      if (!(value >= 0 && value <= std::numeric_limits<std::int32_t>::max() && value == std::floor(value))) {
        throw Error(ErrorKind::input, fmt::format("{}: array '{}': {} at index {} is no token id", trace_.source,
                                                  printable(array.name), value, ids.size()));
      }
      ids.push_back(static_cast<std::int32_t>(value));
    }
    return ids;
  }

  void settle_tokens() {
    if (trace_.tokens.empty() && !options_.tokens.empty()) {
      trace_.tokens = options_.tokens;
      if (trace_.prompt_tokens == 0) trace_.prompt_tokens = options_.prompt_tokens;
    }
    trace_.token_count = trace_.tokens.empty() ? std::max(trace_.token_count, voted_rows()) : trace_.tokens.size();
    if (trace_.prompt_tokens == 0 || trace_.prompt_tokens > trace_.token_count) {
      trace_.prompt_tokens = trace_.token_count;
    }
    // Whole sequences begin with the prompt.
    auto& generated = trace_.generated;
    const auto prompt_end =
        trace_.tokens.begin() + static_cast<std::ptrdiff_t>(std::min(trace_.prompt_tokens, trace_.tokens.size()));
    const auto prompt_length = prompt_end - trace_.tokens.begin();
    if (prompt_length > 0 && std::ssize(generated) > prompt_length &&
        std::equal(trace_.tokens.begin(), prompt_end, generated.begin())) {
      generated.erase(generated.begin(), generated.begin() + prompt_length);
      trace_.notes.emplace_back("the generated ids began with the prompt, which is left out");
    }
  }

  /// The tokens, or none where one is outside the vocabulary: nothing of ours can be computed then.
  std::span<const std::int32_t> tokens_of_model() const {
    const bool are_known = std::all_of(trace_.tokens.begin(), trace_.tokens.end(), [&](std::int32_t token) {
      return static_cast<std::size_t>(token) < plan_.vocabulary;
    });
    return are_known ? std::span<const std::int32_t>(trace_.tokens) : std::span<const std::int32_t>();
  }

  /// How many rows most of the arrays have whose names are sure.
  std::size_t voted_rows() const {
    std::map<std::size_t, std::size_t> votes;
    for (const Item& item : items_) {
      if (item.named.targets.size() != 1 || item.first_token) continue;
      const std::size_t width = plan_.values[ids_.at(item.named.targets[0])].width;
      if (item.array.values() > 0 && item.array.values() % width == 0) ++votes[item.array.values() / width];
    }
    std::size_t rows = 0;
    std::size_t most = 0;
    for (const auto& [candidate, count] : votes) {
      if (count >= most) rows = candidate;
      most = std::max(most, count);
    }
    return rows;
  }

  Dumped dumped(Item& item) {
    if (item.values.empty()) item.values = read_values(item.array);
    return {&item.array, item.values, item.first_token};
  }

  std::string shape_text(const Array& array) const { return fmt::format("[{}]", fmt::join(array.shape, ", ")); }

  void finish(Item& item, const Placer& placer, std::size_t value, const Placement& placement, const std::string& note,
              double confidence) {
    ForeignTap tap = placer.tap(dumped(item), static_cast<model::ValueId>(value), placement);
    tap.confidence = confidence;
    if (!note.empty()) tap.note = tap.note.empty() ? note : fmt::format("{}; {}", tap.note, note);
    item.values = {};
    const std::string name = tap.name;
    if (!merge(trace_, std::move(tap))) leave_out(item.array.name, fmt::format("'{}' is there already", name));
  }

  void place_sure(Item& item, const Placer& placer) {
    const std::string& target = item.named.targets.front();
    const std::size_t value = ids_.at(target);
    const auto placement = placer.place(dumped(item), static_cast<model::ValueId>(value), false);
    if (placement) return finish(item, placer, value, *placement, item.named.remark, 1);
    leave_out(item.array.name, fmt::format("its shape {} has no rows of {} channels for '{}'", shape_text(item.array),
                                           plan_.values[value].width, target));
    item.values = {};
  }

  struct Match {
    Item* item;
    std::size_t value = 0;
    std::optional<Placement> placement;
    double best = 0;
    double second = 0;
  };

  /// Places those whose best tap is clear, and takes them off the list.
  void match_by_content(std::vector<Item*>& open, const Placer& placer, const Content& content) {
    if (!content.is_there()) return;
    std::vector<Match> matches;
    matches.reserve(open.size());
    for (Item* item : open) matches.push_back({item, 0, std::nullopt, 0, 0});
    // Values outside, so that each of ours is asked for once.
    for (std::size_t value = 0; value < plan_.values.size(); ++value) {
      if (trace_.find(plan_.values[value].tap) != nullptr) continue;
      for (Match& match : matches) {
        const auto& targets = match.item->named.targets;
        const bool is_possible =
            targets.empty() || std::find(targets.begin(), targets.end(), plan_.values[value].tap) != targets.end();
        if (!is_possible) continue;
        auto placement = placer.place(dumped(*match.item), static_cast<model::ValueId>(value), true);
        if (!placement) continue;
        match.second = std::max(match.second, std::min(match.best, placement->fit));
        if (placement->fit <= match.best) continue;
        match.best = placement->fit;
        match.value = value;
        match.placement = std::move(placement);
      }
    }
    std::stable_sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) { return a.best > b.best; });
    for (Match& match : matches) {
      const double sure = confidence(match.best, match.second);
      if (match.placement && sure >= kGoodFit) {
        const std::string note = fmt::format("matched by content, confidence {:.2f}", sure);
        finish(*match.item, placer, match.value, *match.placement, note, sure);
      } else if (match.item->named.targets.empty() || !match.item->named.first_is_likely) {
        leave_out(match.item->array.name, why_not(match));
      } else {
        continue;
      }
      std::erase(open, match.item);
    }
  }

  std::string why_not(const Match& match) const {
    if (!match.placement) {
      return fmt::format("an unknown name, and its shape {} fits no tap that is missing",
                         shape_text(match.item->array));
    }
    const std::string& best = plan_.values[match.value].tap;
    if (match.best < kGoodFit) {
      return fmt::format("fits no tap well: the best is '{}' with a correlation of {:.3f}", best, match.best);
    }
    return fmt::format("fits '{}' with a correlation of {:.6f}, and another tap with {:.6f}: not clear enough", best,
                       match.best, match.second);
  }

  /// What content did not settle.
  void place_likeliest(Item& item, const Placer& placer) {
    auto& targets = item.named.targets;
    std::erase_if(targets, [&](const std::string& target) { return trace_.find(target) != nullptr; });
    if (targets.empty() || (!item.named.first_is_likely && targets.size() > 1)) {
      const std::string why = item.named.remark.empty() ? "an unknown name" : item.named.remark;
      return leave_out(item.array.name, why + "; a map can say which it is");
    }
    place_sure(item, placer);
  }

  ForeignTrace& trace_;
  const model::Plan& plan_;
  const Names& names_;
  const ForeignOptions& options_;
  std::map<std::string, std::size_t, std::less<>> ids_;
  std::set<std::string> known_;  // names of no use that were said
  std::vector<Item> items_;
};

}  // namespace

void assemble(ForeignTrace& trace, std::vector<Array> arrays, const model::Plan& plan, const Names& names,
              const ForeignOptions& options) {
  Assembler(trace, plan, names, options).run(std::move(arrays));
}

bool merge(ForeignTrace& trace, ForeignTap tap) {
  const auto found = std::find_if(trace.taps.begin(), trace.taps.end(),
                                  [&](const ForeignTap& known) { return known.name == tap.name; });
  if (found == trace.taps.end()) {
    trace.taps.push_back(std::move(tap));
    return true;
  }
  std::vector<std::size_t> shared;
  std::set_intersection(found->rows.begin(), found->rows.end(), tap.rows.begin(), tap.rows.end(),
                        std::back_inserter(shared));
  if (!shared.empty()) return false;
  found->facts.insert(found->facts.end(), tap.facts.begin(), tap.facts.end());
  // Row by row, ascending.
  std::map<std::size_t, std::span<const double>> rows;
  for (const ForeignTap* part : {&*found, &tap}) {
    for (std::size_t i = 0; i < part->rows.size(); ++i) {
      rows[part->rows[i]] = std::span(part->values).subspan(i * part->channels, part->channels);
    }
  }
  std::vector<std::size_t> indices;
  std::vector<double> values;
  for (const auto& [index, row] : rows) {
    indices.push_back(index);
    values.insert(values.end(), row.begin(), row.end());
  }
  found->rows = std::move(indices);
  found->values = std::move(values);
  if (found->note != tap.note && !tap.note.empty()) {
    found->note = found->note.empty() ? tap.note : fmt::format("{}; {}", found->note, tap.note);
  }
  return true;
}

}  // namespace assay::trace

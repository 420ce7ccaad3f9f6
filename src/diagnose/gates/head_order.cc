#include "diagnose/gates/head_order.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "diagnose/observation.h"
#include "trace/foreign/head_order.h"

namespace assay::diagnose {
namespace {

using model::ValueId;
using trace::ForeignTap;
using trace::ForeignTrace;
using trace::HeadOrder;
using trace::HeadShape;

/// Another order is farther off than this, and rounding nearer.
constexpr double kFits = 0.3;
constexpr double kClearly = 3;
/// Pairs that were rotated keep their norm within the rounding of any engine.
constexpr double kKeepsNorm = 0.05;
constexpr std::size_t kBlocks = 3;

std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

/// Q or K of a block: what is rotated, in causal order, and the rotated form last.
struct Side {
  HeadShape shape{};
  std::vector<ValueId> values;
};

struct Block {
  std::size_t attention = 0;  // step
  Side q;
  Side k;
};

class Graph {
 public:
  explicit Graph(const model::Plan& plan) : plan_(plan), step_of_(plan.values.size()) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i) step_of_[index(plan.steps[i].output)] = i;
  }

  const model::Step& source(ValueId id) const { return plan_.steps[step_of_[index(id)]]; }

  std::vector<Block> blocks() const {
    std::vector<Block> all;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      if (!std::holds_alternative<model::Attention>(plan_.steps[i].operation)) continue;
      std::optional<Side> q = side(plan_.steps[i].inputs[0]);
      std::optional<Side> k = side(plan_.steps[i].inputs[1]);
      if (q && k) all.push_back({i, std::move(*q), std::move(*k)});
    }
    return all;
  }

 private:
  std::optional<Side> side(ValueId rotated) const {
    const std::optional<HeadShape> shape = trace::head_shape(plan_, rotated);
    if (!shape || !std::holds_alternative<model::Rope>(source(rotated).operation)) return std::nullopt;
    Side side{*shape, {rotated}};
    ValueId before = source(rotated).inputs[0];
    side.values.insert(side.values.begin(), before);
    if (std::holds_alternative<model::RmsNorm>(source(before).operation)) {
      before = source(before).inputs[0];
      side.values.insert(side.values.begin(), before);
    }
    return side;
  }

  const model::Plan& plan_;
  std::vector<std::size_t> step_of_;
};

/// What exact steps make of the candidate's values; those in `own` are always computed.
class Computed {
 public:
  Computed(const Graph& graph, const Stepper& stepper, const Passage& passage, const ForeignTrace& trace)
      : graph_(graph), stepper_(stepper), passage_(passage), trace_(trace) {}

  void compute_always(const std::vector<ValueId>& values) { own_.insert(values.begin(), values.end()); }
  void set(ValueId id, Matrix value) { known_[id] = std::move(value); }

  const Matrix& value(ValueId id) {
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
    const ForeignTap* tap = trace_.find(stepper_.plan().values[index(id)].tap);
    const bool is_given = tap != nullptr && own_.count(id) == 0 && is_whole(*tap, passage_.tokens.size());
    Matrix matrix = is_given ? Matrix() : exact(id);
    if (is_given) {
      matrix = Matrix(passage_.tokens.size(), tap->channels);
      matrix.values = tap->values;
    }
    return known_[id] = std::move(matrix);
  }

  /// What the step before `id` makes of its inputs.
  Matrix exact(ValueId id) {
    const model::Step& step = graph_.source(id);
    std::vector<const Matrix*> inputs;
    for (const ValueId input : step.inputs) inputs.push_back(&value(input));
    return stepper_.run(step, passage_, inputs);
  }

 private:
  const Graph& graph_;
  const Stepper& stepper_;
  const Passage& passage_;
  const ForeignTrace& trace_;
  std::set<ValueId> own_;
  std::map<ValueId, Matrix> known_;
};

/// Between two residuals: which one is clearly the better, and good.
HeadOrder better(double ours, double other, double good) {
  if (ours < good && kClearly * ours < other) return HeadOrder::ours;
  if (other < good && kClearly * other < ours) return HeadOrder::other;
  return HeadOrder::unknown;
}

/// How much the norms of the pairs changed, beside the change of the whole head's.
double norm_change(const HeadShape& shape, const double* before, const double* after, std::size_t width) {
  const bool neighbours = shape.pairing == model::RopePairing::neighbours;
  const std::size_t half = shape.dimensions / 2;
  double change = 0;
  double size = 0;
  for (std::size_t head = 0; head + shape.head_width <= width; head += shape.head_width) {
    const auto pair = [&](const double* row, std::size_t i) {
      return neighbours ? std::hypot(row[head + 2 * i], row[head + 2 * i + 1])
                        : std::hypot(row[head + i], row[head + half + i]);
    };
    double squares_before = 0;
    double squares_after = 0;
    for (std::size_t i = 0; i < half; ++i) {
      squares_before += pair(before, i) * pair(before, i);
      squares_after += pair(after, i) * pair(after, i);
    }
    if (!(squares_after > 0)) continue;
    const double magnitude = std::sqrt(squares_before / squares_after);
    for (std::size_t i = 0; i < half; ++i) change += std::pow(pair(after, i) * magnitude - pair(before, i), 2);
    size += squares_before;
  }
  return size > 0 ? std::sqrt(change / size) : 0;
}

/// How one side of one block came out.
enum class SideOrder {
  nothing,     ///< not given, or like neither order
  ours,        ///< in the plan's order
  equivalent,  ///< weights and rotation both in the other
  open,        ///< in the other order before the rotation; the rotation is not known
  mistaken,    ///< in the other order, and rotated as in the plan's
};

class Alignment {
 public:
  Alignment(const model::Model& model, const Passage& passage, ForeignTrace& trace, int threads)
      : plan_(model.plan), graph_(plan_), stepper_(plan_, threads), passage_(passage), trace_(trace) {}

  std::vector<std::string> run() {
    const std::vector<Block> all = graph_.blocks();
    std::size_t for_conversion = 0;
    std::size_t against = 0;
    for (const Block* block : telling(all)) {
      const HeadOrder order = order_of(*block);
      for_conversion += order == HeadOrder::other ? 1 : 0;
      against += order == HeadOrder::ours ? 1 : 0;
    }
    if (for_conversion > against) convert(all);
    return std::move(notes_);
  }

 private:
  const ForeignTap* given(ValueId id) const { return trace_.find(plan_.values[index(id)].tap); }

  bool is_given(const Side& side) const {
    return std::any_of(side.values.begin(), side.values.end(), [&](ValueId id) { return given(id) != nullptr; });
  }

  /// The first, the middle and the last of the blocks that say something; better those whose inputs were given too.
  std::vector<const Block*> telling(const std::vector<Block>& all) const {
    std::vector<const Block*> some;
    std::vector<const Block*> good;
    for (const Block& block : all) {
      if (!is_given(block.q) && !is_given(block.k)) continue;
      some.push_back(&block);
      const ForeignTap* input = given(graph_.source(block.q.values.front()).inputs[0]);
      if (input != nullptr && is_whole(*input, passage_.tokens.size())) good.push_back(&block);
    }
    if (good.empty()) {
      if (some.size() > 1) some.erase(some.begin() + 1, some.end());
      return some;
    }
    if (good.size() > kBlocks) good = {good.front(), good[good.size() / 2], good.back()};
    return good;
  }

  HeadOrder order_of(const Block& block) {
    Computed computed(graph_, stepper_, passage_, trace_);
    computed.compute_always(block.q.values);
    computed.compute_always(block.k.values);
    const SideOrder q = judge(block.q, computed);
    const SideOrder k = judge(block.k, computed);
    const auto any = [&](SideOrder order) { return q == order || k == order; };
    const std::string& tap = plan_.values[index(block.q.values.front())].tap;
    if (any(SideOrder::mistaken) || (any(SideOrder::ours) && (any(SideOrder::equivalent) || any(SideOrder::open)))) {
      notes_.push_back(fmt::format(
          "{}: channels within heads lie in the other order than the file's in {}; left so, it is a mistake there", tap,
          q == SideOrder::ours   ? "K alone"
          : k == SideOrder::ours ? "Q alone"
                                 : "the weights, but not in the rotation"));
      return HeadOrder::ours;
    }
    if (any(SideOrder::ours)) return HeadOrder::ours;
    if (any(SideOrder::equivalent)) return HeadOrder::other;
    if (any(SideOrder::open)) return order_by_attention(block, q, k, computed);
    return HeadOrder::unknown;
  }

  HeadOrder order_of(const Side& side, ValueId id, Computed& computed) const {
    const ForeignTap* tap = given(id);
    if (tap == nullptr) return HeadOrder::unknown;
    const Matrix& exact = computed.value(id);
    return better(residual(*tap, exact), residual(trace::in_our_order(side.shape, *tap), exact), kFits);
  }

  SideOrder judge(const Side& side, Computed& computed) const {
    HeadOrder before = HeadOrder::unknown;
    for (std::size_t i = side.values.size() - 1; i-- > 0 && before == HeadOrder::unknown;) {
      before = order_of(side, side.values[i], computed);
    }
    const HeadOrder after = order_of(side, side.values.back(), computed);
    if (before == HeadOrder::ours || (before == HeadOrder::unknown && after == HeadOrder::ours)) return SideOrder::ours;
    if (after == HeadOrder::other) return SideOrder::equivalent;
    if (before == HeadOrder::unknown) return SideOrder::nothing;
    switch (rotation(side)) {
      case HeadOrder::ours:
        return SideOrder::mistaken;
      case HeadOrder::other:
        return SideOrder::equivalent;
      case HeadOrder::unknown:
        break;
    }
    return SideOrder::open;
  }

  /// Which channels they rotated together.
  HeadOrder rotation(const Side& side) const {
    const ForeignTap* before = given(side.values[side.values.size() - 2]);
    const ForeignTap* after = given(side.values.back());
    if (before == nullptr || after == nullptr || before->values.empty() || after->values.empty()) {
      return HeadOrder::unknown;
    }
    HeadShape turned = side.shape;
    turned.pairing =
        side.shape.pairing == model::RopePairing::halves ? model::RopePairing::neighbours : model::RopePairing::halves;
    double ours = 0;
    double other = 0;
    for (std::size_t i = 0; i < before->rows.size(); ++i) {
      const auto same = std::find(after->rows.begin(), after->rows.end(), before->rows[i]);
      if (same == after->rows.end()) continue;
      const double* from = before->values.data() + i * before->channels;
      const double* to = after->values.data() + static_cast<std::size_t>(same - after->rows.begin()) * after->channels;
      ours = std::max(ours, norm_change(side.shape, from, to, before->channels));
      other = std::max(other, norm_change(turned, from, to, before->channels));
    }
    return better(ours, other, kKeepsNorm);
  }

  /// The first value behind the attention that was given decides: is it what the right attention leads to, or what
  /// their channels lead to when they are rotated as in the plan's order?
  HeadOrder order_by_attention(const Block& block, SideOrder q, SideOrder k, Computed& computed) {
    const bool both = q == SideOrder::open && k == SideOrder::open;
    const std::optional<ValueId> witness = value_behind(block.attention);
    if (!witness) {
      notes_.push_back(
          fmt::format("{}: channels within heads lie in the other order than the file's; nothing behind "
                      "them was given that tells whether they are rotated so, and it is taken as if",
                      plan_.values[index(block.q.values.front())].tap));
      return HeadOrder::other;
    }
    const double equivalent = residual(*given(*witness), computed.exact(*witness));
    double mistaken = std::numeric_limits<double>::infinity();
    for (const bool q_too : {true, false}) {
      for (const bool k_too : {true, false}) {
        // What was seen in the other order is in it; what was not seen may be.
        if ((!q_too && (q == SideOrder::open || !k_too)) || (!k_too && k == SideOrder::open)) continue;
        Computed wrong(graph_, stepper_, passage_, trace_);
        wrong.compute_always(block.q.values);
        wrong.compute_always(block.k.values);
        if (q_too) mistake(block.q, computed, wrong);
        if (k_too) mistake(block.k, computed, wrong);
        mistaken = std::min(mistaken, residual(*given(*witness), wrong.exact(*witness)));
      }
    }
    if (2 * equivalent < mistaken) return HeadOrder::other;
    if (2 * mistaken < equivalent) return HeadOrder::ours;
    return both ? HeadOrder::other : HeadOrder::unknown;
  }

  std::optional<ValueId> value_behind(std::size_t attention) const {
    std::set<ValueId> reached = {plan_.steps[attention].output};
    for (std::size_t i = attention; i < plan_.steps.size(); ++i) {
      const model::Step& step = plan_.steps[i];
      const bool is_next_block = i > attention && std::holds_alternative<model::Attention>(step.operation);
      if (is_next_block) break;
      const bool is_reached =
          std::any_of(step.inputs.begin(), step.inputs.end(), [&](ValueId input) { return reached.count(input) > 0; });
      if (i > attention && !is_reached) continue;
      reached.insert(step.output);
      if (given(step.output) != nullptr) return step.output;
    }
    return std::nullopt;
  }

  /// Puts the exact values in the other order before the rotation.
  void mistake(const Side& side, Computed& computed, Computed& wrong) const {
    const ValueId before = side.values[side.values.size() - 2];
    Matrix turned = computed.value(before);
    for (std::size_t row = 0; row < turned.rows; ++row) {
      for (std::size_t c = 0; c < turned.width; ++c) {
        turned.row(row)[c] = computed.value(before).row(row)[trace::channel_in_our_order(side.shape, c)];
      }
    }
    wrong.set(before, std::move(turned));
  }

  void convert(const std::vector<Block>& all) {
    std::size_t count = 0;
    for (const Block& block : all) {
      for (const Side* side : {&block.q, &block.k}) {
        for (const ValueId id : side->values) {
          const auto tap = std::find_if(trace_.taps.begin(), trace_.taps.end(), [&](const ForeignTap& other) {
            return other.name == plan_.values[index(id)].tap;
          });
          if (tap == trace_.taps.end()) continue;
          *tap = trace::in_our_order(side->shape, std::move(*tap));
          ++count;
        }
      }
    }
    notes_.push_back(fmt::format(
        "Q and K lie in the other order of channels within heads than the file's, and are rotated in it, which gives "
        "the same attention (Hugging Face's weights have halves where GGUF's have neighbours): {} taps were put into "
        "the file's order",
        count));
  }

  const model::Plan& plan_;
  Graph graph_;
  Stepper stepper_;
  const Passage& passage_;
  ForeignTrace& trace_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> align_head_order(const model::Model& model, const Passage& passage, ForeignTrace& trace,
                                          int threads) {
  return Alignment(model, passage, trace, threads).run();
}

}  // namespace assay::diagnose

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/faults/faults.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

/// Where each output channel comes from.
using Order = std::vector<std::size_t>;

/// Pairs (2i, 2i + 1) of every group become (i, i + group/2), or the reverse.
Order regroup(std::size_t width, std::size_t group, bool to_halves) {
  Order order(width);
  for (std::size_t c = 0; c < width; ++c) {
    const std::size_t i = c % group;
    const std::size_t halves = i < group / 2 ? 2 * i : 2 * (i - group / 2) + 1;
    const std::size_t neighbours = i % 2 == 0 ? i / 2 : i / 2 + group / 2;
    order[c] = c - i + (to_halves ? halves : neighbours);
  }
  return order;
}

Order after(const Order& first, const Order& second) {
  Order both(first.size());
  for (std::size_t c = 0; c < both.size(); ++c) both[c] = first[second[c]];
  return both;
}

Matrix reordered(Matrix values, const Order& order) {
  std::vector<double> row(values.width);
  for (std::size_t i = 0; i < values.rows; ++i) {
    std::copy_n(values.row(i), values.width, row.begin());
    for (std::size_t c = 0; c < values.width; ++c) values.row(i)[c] = row[order[c]];
  }
  return values;
}

/// The rotation that this value goes into, at once or through a norm of heads; null when there is none.
const model::Rope* rotation_of(const model::Plan& plan, model::ValueId value) {
  for (const model::Step& step : plan.steps) {
    if (step.inputs.size() != 1 || step.inputs[0] != value) continue;
    if (const auto* rope = std::get_if<model::Rope>(&step.operation)) return rope;
    const auto* norm = std::get_if<model::RmsNorm>(&step.operation);
    if (norm != nullptr && norm->group < plan.values[static_cast<std::size_t>(value)].width) {
      return rotation_of(plan, step.output);
    }
  }
  return nullptr;
}

class Orders {
 public:
  explicit Orders(std::size_t width) {
    Order right(width);
    std::iota(right.begin(), right.end(), std::size_t{0});
    known_.push_back(std::move(right));
  }
  /// False for an order that was there before, the right one among them.
  bool add(const Order& order) {
    if (std::find(known_.begin(), known_.end(), order) != known_.end()) return false;
    known_.push_back(order);
    return true;
  }

 private:
  std::vector<Order> known_;
};

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* linear = site.operation<model::Linear>();
  const auto* rope = linear == nullptr ? nullptr : rotation_of(site.plan(), site.step().output);
  if (rope == nullptr) return;
  const std::size_t width = site.width();
  const std::size_t own = rope->head_width;
  Orders orders(width);
  const auto push = [&](std::string direction, std::string heads, const Order& order) {
    if (!orders.add(order)) return;
    std::vector<Parameter> parameters = {{"direction", std::move(direction)}, {"heads", std::move(heads)}};
    hypotheses.push_back({parameters, [order](const Site& here) { return reordered(here.exact(), order); }});
    if (linear->bias == model::kNoWeight) return;
    parameters.push_back({"bias", "not moved"});
    hypotheses.push_back({std::move(parameters), [order](const Site& here) {
                            model::Step bare = here.step();
                            auto& changed = std::get<model::Linear>(bare.operation);
                            // Another fault in the same step may have dropped it.
                            if (changed.bias == model::kNoWeight) return reordered(here.exact(), order);
                            const Matrix bias = here.stepper.decode(std::exchange(changed.bias, model::kNoWeight));
                            Matrix output = reordered(here.run(bare), order);
                            for (std::size_t i = 0; i < output.values.size(); ++i) {
                              output.values[i] += bias.values[i % output.width];
                            }
                            return output;
                          }});
  };
  push("to_halves", "own", regroup(width, own, true));
  push("to_neighbours", "own", regroup(width, own, false));
  const model::HyperParameters& hp = site.hyper_parameters();
  for (const auto& [count, name] : {std::pair(hp.head_count, "n_head"), std::pair(hp.head_count_kv, "n_head_kv")}) {
    if (width % (2 * count) != 0) continue;
    const std::size_t group = width / count;
    if (group == own) continue;
    push("to_halves", name, regroup(width, group, true));
    push("to_neighbours", name, regroup(width, group, false));
    // The right order undone, and the converter's made again with the wrong number of heads.
    push("to_halves, then to_neighbours with the wrong heads", name,
         after(regroup(width, own, true), regroup(width, group, false)));
    push("to_halves with the wrong heads, then to_neighbours", name,
         after(regroup(width, group, true), regroup(width, own, false)));
  }
}

}  // namespace

const Fault kQkPermutation = {
    "qk_permutation",
    "has the rows of attn_q or attn_k in another order within each head: the converter's permutation for "
    "rotary pairs was lost, made twice, or made with the wrong number of heads",
    "Permute q by the number of query heads and k by the number of key/value heads, once; GGUF files of llama "
    "are permuted already.",
    "huggingface/transformers#31788 huggingface/transformers#31766 onnxruntime/mobius#396 "
    "ggml-org/llama.cpp#15852",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

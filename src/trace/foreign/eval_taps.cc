#include "trace/foreign/eval_taps.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "trace/foreign/assemble.h"

namespace assay::trace {
namespace {

/// A product of each head with a matrix of its own.
bool is_of_heads(const model::Step& step) {
  return std::holds_alternative<model::ExpertLinear>(step.operation) && step.inputs.size() == 1;
}

/// What a step of the plan may be in ggml, where the name has to tell. A linear step that adds a bias ends in
/// ADD.
bool is_kind(const model::Step& step, std::string_view ggml) {
  struct Judge {
    std::string_view ggml;
    bool is_of_heads;
    bool operator()(const model::Embed&) const { return ggml == "GET_ROWS"; }
    bool operator()(const model::RmsNorm&) const { return ggml == "MUL" || ggml.starts_with("RMS_NORM_"); }
    bool operator()(const model::LayerNorm& norm) const {
      return ggml == (norm.bias == model::kNoWeight ? "MUL" : "ADD");
    }
    bool operator()(const model::Linear& linear) const {
      if (linear.bias != model::kNoWeight && ggml.starts_with("MUL_MAT")) return false;
      return ggml != "ROPE" && (ggml != "ADD" || linear.bias != model::kNoWeight);
    }
    bool operator()(const model::Rope&) const { return ggml.starts_with("ROPE"); }
    bool operator()(const model::PositionScale&) const { return ggml == "MUL"; }
    bool operator()(const model::Attention&) const {
      return ggml == "CONT" || ggml == "RESHAPE" || ggml == "FLASH_ATTN_EXT";
    }
    bool operator()(const model::GatedActivation&) const {
      return ggml == "MUL" || ggml.ends_with("GLU") || ggml.ends_with("GELU") || ggml == "SWIGLU_OAI";
    }
    bool operator()(const model::Add&) const { return ggml == "ADD"; }
    bool operator()(const model::AddBias&) const { return ggml == "ADD"; }
    // Channels of one value are a view; those that stay beside rotated ones may have been there all the time.
    bool operator()(const model::Concat&) const { return ggml == "CONCAT" || ggml == "VIEW" || ggml == "ROPE"; }
    bool operator()(const model::Scale&) const { return ggml == "SCALE"; }
    bool operator()(const model::SoftCap&) const { return ggml == "SCALE"; }
    bool operator()(const model::Softmax&) const { return ggml == "SOFT_MAX" || ggml == "RESHAPE"; }
    bool operator()(const model::Sigmoid&) const { return ggml == "UNARY" || ggml == "SIGMOID"; }
    bool operator()(const model::TopK&) const { return ggml == "VIEW" || ggml == "TOP_K"; }
    bool operator()(const model::Pick&) const { return ggml == "GET_ROWS"; }
    bool operator()(const model::Normalize&) const { return ggml == "DIV"; }
    bool operator()(const model::ExpertLinear& linear) const {
      // Products of heads lie head by head, until they are turned.
      if (is_of_heads) return ggml == "PERMUTE" || ggml == "CONT";
      return ggml == (linear.bias == model::kNoWeight ? "MUL_MAT_ID" : "ADD_ID");
    }
    bool operator()(const model::WeightedSum&) const { return ggml == "ADD" || ggml == "CONT"; }
    bool operator()(const model::SigmoidGate&) const { return ggml == "MUL"; }
  };
  return std::visit(Judge{ggml, is_of_heads(step)}, step.operation);
}

/// Whether all sums are of the printed values alone, as far as anything was left out in print.
bool sums_are_of_printed(const std::vector<const EvalTensor*>& tensors) {
  bool is_seen = false;
  for (const EvalTensor* tensor : tensors) {
    if (!tensor->sum || !tensor->has_gaps || !std::isfinite(*tensor->sum)) continue;
    double sum = 0;
    double slack = 1e-6;
    for (const EvalTensor::Value& value : tensor->values) {
      sum += value.value;
      slack += value.resolution + 1e-6 * std::abs(value.value);
    }
    if (std::abs(sum - *tensor->sum) > slack) return false;
    is_seen = true;
  }
  return is_seen;
}

/// llama.cpp adds in float32, one after another: the error grows with the square root of the count, at the size that
/// the partial sums have. An estimate, generous.
double resolution_of_sum(const EvalTensor& tensor) {
  constexpr double kPrinted = 0.5e-6;
  double magnitude = 0;
  for (const EvalTensor::Value& value : tensor.values) magnitude += std::abs(value.value);
  magnitude /= static_cast<double>(std::max<std::size_t>(1, tensor.values.size()));
  const double root = std::sqrt(static_cast<double>(tensor.count()));
  return kPrinted + 4 * 0x1p-24 * (root * std::abs(*tensor.sum) + root * root * magnitude);
}

class TapReader {
 public:
  TapReader(const model::Plan& plan, const Names& names, ForeignTrace& trace)
      : plan_(plan), names_(names), trace_(trace) {
    for (const model::Step& step : plan.steps) {
      const std::string& tap = plan.values[static_cast<std::size_t>(step.output)].tap;
      steps_.emplace(tap, &step);
      const WeightUse use = weight_use(step.operation);
      if (use.weight == model::kNoWeight || is_of_heads(step)) continue;
      const gguf::Tensor& weight = *plan.weights[static_cast<std::size_t>(use.weight)];
      // ggml multiplies with the whole tensor, which is no tap.
      if (weight.whole != nullptr) continue;
      by_weight_.emplace(fmt::format("{} {} {}", use.operation, use.source, weight.name), tap);
    }
  }

  void read(const EvalText& text) {
    for (const EvalTensor& tensor : text.tensors) take(tensor);
    finish_graph();
    std::vector<const EvalTensor*> used;
    for (const Use& use : uses_) used.push_back(use.tensor);
    const bool is_old = sums_are_of_printed(used);
    trace_.format = is_old ? "llama.cpp eval-callback, sums of the printed values only" : "llama.cpp eval-callback";
    if (is_old)
      trace_.notes.emplace_back("the sums are of the printed values (llama.cpp before August 2025): not used");
    std::map<std::string, ForeignTap> taps;
    for (const Use& use : uses_) add_facts(use, !is_old, taps[use.step_tap]);
    for (auto& [name, tap] : taps) merge(trace_, std::move(tap));
    trace_.token_count = tokens_before_;
    if (graphs_ > 1) {
      if (trace_.tokens.empty()) trace_.prompt_tokens = first_graph_;
      trace_.notes.push_back(fmt::format("{} graphs of {} tokens in all, one after another", graphs_, tokens_before_));
    }
  }

 private:
  /// A tensor that is a tap.
  struct Use {
    const EvalTensor* tensor;
    std::string step_tap;
    std::size_t width;
    std::size_t rows;
    std::size_t first_row = 0;
  };

  /// Where a weight decides which tap it is: the kind of the operation and which of its sources.
  struct WeightUse {
    std::string_view operation;
    std::size_t source;
    model::WeightId weight;
  };
  static WeightUse weight_use(const model::Operation& operation) {
    if (const auto* embed = std::get_if<model::Embed>(&operation)) return {"GET_ROWS", 0, embed->table};
    if (const auto* norm = std::get_if<model::RmsNorm>(&operation)) return {"MUL", 1, norm->weight};
    if (const auto* experts = std::get_if<model::ExpertLinear>(&operation)) {
      if (experts->bias != model::kNoWeight) return {"ADD_ID", 1, experts->bias};
      return {"MUL_MAT", 0, experts->weight};
    }
    if (const auto* norm = std::get_if<model::LayerNorm>(&operation)) {
      return norm->bias == model::kNoWeight ? WeightUse{"MUL", 1, norm->weight} : WeightUse{"ADD", 1, norm->bias};
    }
    const auto* linear = std::get_if<model::Linear>(&operation);
    if (linear == nullptr) return {{}, 0, model::kNoWeight};
    if (linear->bias != model::kNoWeight) return {"ADD", 1, linear->bias};
    return {"MUL_MAT", 0, linear->weight};
  }

  /// The tap whose weight the tensor reads.
  const std::string* find_by_weight(const EvalTensor& tensor) const {
    std::string_view operation = tensor.operation;
    if (operation.starts_with("MUL_MAT")) operation = "MUL_MAT";
    for (std::size_t source = 0; source < tensor.sources.size(); ++source) {
      const auto found =
          by_weight_.find(fmt::format("{} {} {}", operation, source, without_device(tensor.sources[source])));
      if (found != by_weight_.end()) return &found->second;
    }
    return nullptr;
  }

  const std::string* find_tap(const EvalTensor& tensor) {
    // "Qcur-0 (view)" and the like are other ways to look at the same values.
    if (tensor.name.ends_with(')')) return nullptr;
    if (const std::string* tap = find_by_weight(tensor)) return tap;
    const Named named = names_.find(tensor.name);
    for (const std::string& target : named.targets) {
      const auto step = steps_.find(target);
      if (step != steps_.end() && is_kind(*step->second, tensor.operation)) return &step->first;
    }
    const bool is_numbered = tensor.name.starts_with("node_") || tensor.name.starts_with("leaf_");
    if (named.kind == NameKind::tap || named.kind == NameKind::weight || is_numbered || tensor.name.empty()) {
      return nullptr;
    }
    const std::string why = named.kind == NameKind::nothing ? named.remark : "no tap of this model";
    const std::string line = fmt::format("{}: {}", printable(without_number(tensor.name)), why);
    if (extra_.insert(line).second) trace_.extra.push_back(line);
    return nullptr;
  }

  void take(const EvalTensor& tensor) {
    const std::string* tap = find_tap(tensor);
    if (tap == nullptr) return;
    const std::size_t width = plan_.values[static_cast<std::size_t>(steps_.at(*tap)->output)].width;
    if (tensor.count() % width != 0 || tensor.values.empty()) {
      trace_.extra.push_back(fmt::format("{}: line {}: its values do not fit {{{}}} and the {} channels of '{}'",
                                         printable(tensor.name), tensor.line, fmt::join(tensor.ne, ", "), width, *tap));
      return;
    }
    const std::string seen = fmt::format("{} {} {}", tensor.name, tensor.operation, *tap);
    if (!seen_.insert(seen).second) {
      finish_graph();
      seen_.insert(seen);
    }
    // A later tensor of the same graph is the same value in another shape, or with its bias.
    std::erase_if(graph_, [&](const Use& use) { return use.step_tap == *tap; });
    graph_.push_back({&tensor, *tap, width, static_cast<std::size_t>(tensor.count() / width)});
  }

  /// Now it is known how many tokens the graph had.
  void finish_graph() {
    if (graph_.empty()) return;
    std::size_t tokens = 0;
    for (const Use& use : graph_) tokens = std::max(tokens, use.rows);
    for (Use& use : graph_) use.first_row = tokens_before_ + tokens - use.rows;
    uses_.insert(uses_.end(), graph_.begin(), graph_.end());
    tokens_before_ += tokens;
    if (graphs_ == 0) first_graph_ = tokens;
    ++graphs_;
    graph_.clear();
    seen_.clear();
  }

  void add_facts(const Use& use, bool has_sums, ForeignTap& tap) const {
    if (tap.name.empty()) {
      tap.name = use.step_tap;
      tap.given_name = use.tensor->name;
      tap.dtype = use.tensor->type == "f16" ? gguf::Dtype::f16 : gguf::Dtype::f32;
      tap.channels = use.width;
    }
    for (const EvalTensor::Value& value : use.tensor->values) {
      const auto place = static_cast<std::size_t>(value.index);
      tap.facts.push_back(
          {FactKind::value, use.first_row + place / use.width, place % use.width, value.value, value.resolution});
    }
    if (!has_sums || !use.tensor->sum) return;
    // Of several rows only where they are the whole run.
    const bool is_all = graphs_ == 1 && use.rows == tokens_before_;
    if (!is_all && use.rows != 1) return;
    tap.facts.push_back(
        {FactKind::sum, use.rows == 1 ? use.first_row : kAllRows, 0, *use.tensor->sum, resolution_of_sum(*use.tensor)});
  }

  const model::Plan& plan_;
  const Names& names_;
  ForeignTrace& trace_;
  std::map<std::string, const model::Step*, std::less<>> steps_;  // by the tap they write
  std::map<std::string, std::string, std::less<>> by_weight_;     // "MUL_MAT 0 blk.0.attn_q.weight" -> tap
  std::set<std::string> extra_;
  std::set<std::string> seen_;  // names, operations and taps of the graph
  std::vector<Use> graph_;
  std::vector<Use> uses_;
  std::size_t tokens_before_ = 0;
  std::size_t first_graph_ = 0;  // its tokens
  std::size_t graphs_ = 0;
};

}  // namespace

void read_eval_taps(const EvalText& text, const model::Plan& plan, const Names& names, ForeignTrace& trace) {
  trace.tokens = text.tokens;
  TapReader(plan, names, trace).read(text);
}

}  // namespace assay::trace

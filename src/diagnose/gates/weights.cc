#include "diagnose/gates/weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "diagnose/fault.h"
#include "diagnose/gates/weight_match.h"
#include "diagnose/gates/weight_pattern.h"
#include "diagnose/observation.h"
#include "diagnose/usual.h"
#include "diagnose/walk.h"
#include "model/weight_scale.h"

namespace assay::diagnose {
namespace {

using trace::ForeignWeight;

/// A mistake must reproduce what they hold, within the rounding of bfloat16.
constexpr double kReproduced = 0.01;
/// Storing a weight in four bits leaves less than this; another matrix is off by about 1.4.
constexpr double kFewBits = 0.2;
constexpr double kOtherRow = 0.5;
constexpr std::size_t kReplayedRows = 8;
constexpr std::size_t kShownNames = 4;

bool is_rotated(std::string_view name) {
  return name.find(".attn_q.") != std::string_view::npos || name.find(".attn_k.") != std::string_view::npos;
}
bool is_norm(std::string_view name) { return name.find("norm") != std::string_view::npos; }

/// What is known of a weight once a place is found that fits.
struct Placed {
  const ForeignWeight* weight;
  std::size_t outputs;
  WeightShape shape;
  WeightPlace place;
  double as_it_is;  ///< residual of [outputs, inputs] as in the file
  double residual;
};

class WeightGate {
 public:
  WeightGate(const model::Model& model, const trace::ForeignTrace& trace, int threads)
      : model_(model), trace_(trace), threads_(threads), stepper_(model.plan, threads) {}

  GateReport run() {
    for (const ForeignWeight& weight : trace_.weights) check(weight);
    for (const Placed& placed : placed_) judge(placed);
    report_.findings = join_layers(std::move(report_.findings));
    for (const auto& [text, names] : notes_) report_.notes.push_back(fmt::format("{}: {}", text, list(names)));
    return std::move(report_);
  }

 private:
  static std::string list(const std::vector<std::string>& names) {
    const std::span shown = std::span(names).first(std::min(names.size(), kShownNames));
    const std::string text = fmt::format("{}", fmt::join(shown, ", "));
    return names.size() > shown.size() ? fmt::format("{} and {} more", text, names.size() - shown.size()) : text;
  }
  void note(const std::string& text, const ForeignWeight& weight) { notes_[text].push_back(weight.name); }

  void check(const ForeignWeight& weight) {
    const auto& all = model_.plan.weights;
    const auto own =
        std::find_if(all.begin(), all.end(), [&](const gguf::Tensor* tensor) { return tensor->name == weight.name; });
    if (own == all.end()) return note("weights that the model does not use", weight);
    const gguf::Tensor& tensor = (*own)->whole == nullptr ? **own : *(*own)->whole;
    if (!gguf::is_float(weight.array.dtype)) return note("weights of integers, not looked at", weight);
    const std::vector<double> scales = model::scales_of(model_.file, tensor);
    const WeightPair pair(tensor, weight.array, scales);
    if (pair.shape() == WeightShape::other) {
      return note("weights with another number of values than the file's, not looked at", weight);
    }
    const double as_it_is = pair.match({}).residual;
    // What rounding to 16 bits explains, then mistakes, then what fewer bits explain.
    if (is_placed(pair, weight, as_it_is, kReproduced)) return;
    // Where a tensor has its factor beside it, one may multiply with that later; how blocks are read shows without it.
    const WeightPair plain(tensor, weight.array);
    if (!scales.empty() && is_placed(plain, weight, plain.match({}).residual, kReproduced)) return;
    const auto id = static_cast<model::WeightId>(own - all.begin());
    if (is_scaled(pair, weight) || is_offset(pair, weight) || is_misread(plain, weight, id, 1)) return;
    if (scales.size() == 1 && is_misread(plain, weight, id, scales[0])) return;
    // Norms of other layers may be as near as fewer bits.
    if (pair.is_vector() && is_another(pair, weight, kReproduced)) return;
    if (is_placed(pair, weight, as_it_is, kFewBits) || is_another(pair, weight, kFewBits)) return;
    Finding& finding = add("unknown", weight, as_it_is, as_it_is, 0.9);
    finding.claim = "holds other values than the file's tensor, and no known mistake makes them";
    finding.remedy = "Compare how this type's blocks are decoded, and which tensor was loaded.";
    finding.fingerprint = pattern_of(pair, likeliest(pair), (*own)->type->block_values);
  }

  bool is_placed(const WeightPair& pair, const ForeignWeight& weight, double as_it_is, double limit) {
    for (const WeightPlace& place : places(pair, weight.name)) {
      if (pair.match(place).residual > limit) continue;
      placed_.push_back({&weight, pair.outputs(), pair.shape(), place, as_it_is, 0});
      verify(pair, placed_.back());
      return true;
    }
    return false;
  }

  /// As arrays of this shape lie when nothing is wrong.
  static WeightPlace likeliest(const WeightPair& pair) {
    const bool columns = pair.shape() == WeightShape::inputs_first;
    return {columns ? WeightOrder::columns : WeightOrder::rows, 0, false};
  }

  /// What an array of this shape may hold, the legal ones first.
  std::vector<WeightPlace> places(const WeightPair& pair, std::string_view name) const {
    std::vector<WeightOrder> orders = {likeliest(pair).order};
    if (!pair.is_vector()) {
      for (const WeightOrder order : {WeightOrder::rows, WeightOrder::columns, WeightOrder::scrambled}) {
        // Of a square matrix, what is scrambled is what lies in columns.
        const bool is_same = order == WeightOrder::scrambled && pair.outputs() == pair.inputs();
        if (order != orders.front() && !is_same) orders.push_back(order);
      }
    }
    std::vector<WeightPlace> all(orders.size());
    for (std::size_t i = 0; i < orders.size(); ++i) all[i].order = orders[i];
    if (!is_rotated(name)) return all;
    const model::HyperParameters& hp = model_.hyper_parameters;
    for (const std::size_t width : {hp.key_length, pair.outputs() / hp.head_count, pair.outputs() / hp.head_count_kv}) {
      if (width < 4 || width % 2 != 0 || pair.outputs() % width != 0) continue;
      for (const WeightOrder order : orders) {
        for (const bool to_halves : {true, false}) all.push_back({order, width, to_halves});
      }
    }
    return all;
  }

  /// All values, where the sampled ones fit.
  void verify(const WeightPair& pair, Placed& placed) {
    const WeightPair::Whole whole = pair.compare(placed.place, threads_);
    placed.residual = whole.residual;
    if (whole.non_finite > 0) {
      Finding& finding = add("unknown", *placed.weight, whole.residual, whole.residual, 0.95);
      finding.claim = "holds values that are not finite where the file's are";
      finding.remedy = "Look for an overflow where the weight is decoded or converted.";
      finding.fingerprint = fmt::format("{} values that are not finite", whole.non_finite);
      return;
    }
    if (whole.is_rounded) return;
    const auto wrong = [](double residual) { return residual > kOtherRow; };
    const auto count = std::count_if(whole.residuals.begin(), whole.residuals.end(), wrong);
    if (count == 0) {
      return note(fmt::format("weights that differ by up to {:.1g} of their size, as after storing them in less bits",
                              whole.residual),
                  *placed.weight);
    }
    const auto first = std::find_if(whole.residuals.begin(), whole.residuals.end(), wrong);
    Finding& finding = add("unknown", *placed.weight, whole.residual, whole.residual, 0.9);
    finding.claim = "holds some rows that are not the file's";
    finding.remedy = "Look at where loading stops, or what writes over it.";
    finding.fingerprint =
        fmt::format("{} of {} rows, the first is {}", count, whole.residuals.size(), first - whole.residuals.begin());
  }

  void judge(const Placed& placed) {
    if (placed.place.head_width > 0) judge_permuted(placed);
    const WeightOrder order = placed.place.order;
    if (order == WeightOrder::scrambled) {
      return add_transposed(placed, "scrambled",
                            "holds weights that were read as [inputs, outputs] row by row although their rows are the "
                            "outputs: scrambled, in a shape that passes",
                            0.95);
    }
    if (placed.shape == WeightShape::inputs_first) {
      if (order == WeightOrder::columns) {
        return note("weights held as [inputs, outputs], which is legal where x W is computed", *placed.weight);
      }
      return add_transposed(placed, "renamed",
                            "names the shape of weights [inputs, outputs] while their values lie as [outputs, inputs]: "
                            "read by that shape, they are scrambled",
                            0.6);
    }
    if (order != WeightOrder::columns || placed.shape == WeightShape::flat) return;
    if (placed.shape == WeightShape::square) {
      switch (layout_of_others()) {
        case WeightShape::inputs_first:
          return note("weights held as [inputs, outputs], which is legal where x W is computed", *placed.weight);
        case WeightShape::outputs_first:
          break;
        default:
          return note("square weights held transposed, which is legal where x W is computed", *placed.weight);
      }
    }
    add_transposed(placed, "inputs_first",
                   "holds weights transposed, under the shape that they would have if they were not", 0.9);
  }

  /// How they hold the matrices whose shape tells.
  WeightShape layout_of_others() const {
    std::size_t outputs_first = 0;
    std::size_t inputs_first = 0;
    for (const Placed& other : placed_) {
      // An embedding table is [tokens, channels] with everybody.
      if (other.weight->name.starts_with("token_embd")) continue;
      outputs_first += other.shape == WeightShape::outputs_first ? 1 : 0;
      inputs_first += other.shape == WeightShape::inputs_first ? 1 : 0;
    }
    if (outputs_first == inputs_first) return WeightShape::square;
    return outputs_first > inputs_first ? WeightShape::outputs_first : WeightShape::inputs_first;
  }

  void judge_permuted(const Placed& placed) {
    const std::string direction = placed.place.to_halves ? "to_halves" : "to_neighbours";
    const model::HyperParameters& hp = model_.hyper_parameters;
    // The order is legal where Q and K both have it.
    const std::string& name = placed.weight->name;
    std::string sibling = name;
    const std::size_t at = sibling.find(".attn_") + 6;
    sibling[at] = sibling[at] == 'q' ? 'k' : 'q';
    const auto other = std::find_if(placed_.begin(), placed_.end(),
                                    [&](const Placed& candidate) { return candidate.weight->name == sibling; });
    const bool is_alone = other != placed_.end() && other->place.head_width == 0;
    if (placed.place.head_width == hp.key_length && !is_alone) {
      return note(placed.place.to_halves
                      ? "rows of Q and K with rotary pairs half a head apart, as in Hugging Face's files; legal where "
                        "they are rotated so"
                      : "rows of Q and K with rotary pairs as neighbours; legal where they are rotated so",
                  *placed.weight);
    }
    Finding& finding = add("qk_permutation", *placed.weight, placed.as_it_is, placed.residual, 0.8);
    finding.parameters = {{"direction", direction}, {"heads", heads(placed)}};
    finding.claim =
        placed.place.head_width == hp.key_length
            ? fmt::format("holds {} with its rows in the other order of rotary pairs than {}", name, sibling)
            : fmt::format("permutes rows within heads of {}, and the model's are {} wide", placed.place.head_width,
                          hp.key_length);
    finding.remedy = "Permute Q with the number of query heads and K with that of key/value heads, or neither.";
    finding.sources = "huggingface/transformers#31788 onnxruntime/mobius#396 ggml-org/llama.cpp#15852";
  }

  std::string heads(const Placed& placed) const {
    const model::HyperParameters& hp = model_.hyper_parameters;
    if (placed.place.head_width == hp.key_length) return "own";
    return placed.outputs / hp.head_count == placed.place.head_width ? "n_head" : "n_head_kv";
  }

  void add_transposed(const Placed& placed, const std::string& as, const std::string& claim, double confidence) {
    Finding& finding = add("weight_transposed", *placed.weight, placed.as_it_is, placed.residual, confidence);
    finding.parameters = {{"as", as}};
    finding.claim = claim;
    const Fault& fault = *find_fault("weight_transposed");
    finding.remedy = fault.remedy;
    finding.sources = fault.sources;
  }

  bool is_scaled(const WeightPair& pair, const ForeignWeight& weight) {
    for (const WeightPlace& place : places(pair, weight.name)) {
      const WeightMatch match = pair.match(place);
      if (match.residual_scaled > kReproduced) continue;
      Finding& finding = add("scale", weight, match.residual, match.residual_scaled, 0.95);
      finding.parameters = {{"factor", factor_name(match.factor)}};
      finding.claim = fmt::format("holds the file's values times {:.6g}", match.factor);
      finding.remedy = "Keep the weight as it is in the file, and put the factor where the model has it.";
      finding.sources = "mattn/tensai#248 chrishayuk/larql#253";
      return true;
    }
    return false;
  }

  std::string factor_name(double factor) const {
    const model::HyperParameters& hp = model_.hyper_parameters;
    for (const auto& of : {factors_of(hp.embedding_length, "n_embd"), factors_of(hp.key_length, "d_head")}) {
      for (const Usual& usual : of) {
        if (std::abs(factor / usual.value - 1) < kReproduced) return usual.text;
      }
    }
    return fmt::format("{:.4g}", factor);
  }

  /// Norms kept as 1 + w.
  bool is_offset(const WeightPair& pair, const ForeignWeight& weight) {
    if (!pair.is_vector() || !is_norm(weight.name)) return false;
    const Matrix theirs = pair.their_rows({});
    for (const double offset : {-1.0, 1.0}) {
      double left = 0;
      double size = 0;
      for (std::size_t i = 0; i < theirs.values.size(); ++i) {
        const double ours = pair.our_rows().values[i];
        left += std::pow(theirs.values[i] - offset - ours, 2);
        size += ours * ours;
      }
      if (!(left <= kReproduced * kReproduced * size)) continue;
      if (offset < 0 && model_.hyper_parameters.architecture.starts_with("gemma")) {
        note("norms without the 1 that GGUF's converters add; legal where the norm multiplies with 1 + w", weight);
        return true;
      }
      Finding& finding = add("norm_weight_offset", weight, pair.match({}).residual, std::sqrt(left / size), 0.9);
      finding.parameters = {{"offset", offset < 0 ? "-1" : "+1"}};
      finding.claim = fmt::format("holds the norm's weights {} 1", offset < 0 ? "minus" : "plus");
      finding.remedy = "GGUF holds what is multiplied with: nothing is to be added.";
      finding.sources = "utensils/mold#1074 llmmanorg/llmman#175 huggingface/transformers#35708";
      return true;
    }
    return false;
  }

  /// The faults of how weights are read, tried on a small plan that looks up some rows of the tensor; theirs are
  /// `scale` times what was read.
  bool is_misread(const WeightPair& pair, const ForeignWeight& weight, model::WeightId id, double scale) {
    if (pair.is_vector()) return false;
    model::Plan plan;
    plan.weights = model_.plan.weights;
    const gguf::Tensor*& own = plan.weights[static_cast<std::size_t>(id)];
    if (own->whole != nullptr) own = own->whole;
    plan.values = {{"rows", pair.inputs()}};
    plan.steps = {{model::Embed{id}, {}, 0}};
    const Stepper stepper(plan, threads_);
    class Nothing final : public Values {
      const Matrix& value(model::ValueId) const override { return nothing_; }
      Matrix nothing_;
    } const nothing;
    Passage passage;
    trace::ForeignTap tap;
    tap.channels = pair.inputs();
    const Matrix theirs = pair.their_rows(likeliest(pair));
    const std::size_t step = std::max<std::size_t>(1, pair.sampled().size() / kReplayedRows);
    for (std::size_t i = 0; i < pair.sampled().size(); i += step) {
      passage.tokens.push_back(static_cast<std::int32_t>(pair.sampled()[i]));
      passage.positions.push_back(pair.sampled()[i]);
      for (std::size_t c = 0; c < theirs.width; ++c) tap.values.push_back(theirs.row(i)[c] / scale);
      tap.rows.push_back(tap.rows.size());
    }
    passage.prompt_tokens = passage.tokens.size();
    const Site site{model_, stepper, passage, nothing, 0, nullptr};
    const double before = residual(tap, site.exact());
    const Fault* best = nullptr;
    Hypothesis chosen;
    double least = kReproduced;
    for (const Fault* fault : all_faults()) {
      if (fault->fault_class != FaultClass::mistake) continue;
      std::vector<Hypothesis> hypotheses;
      fault->propose(site, hypotheses);
      for (Hypothesis& hypothesis : hypotheses) {
        const Matrix made = hypothesis.run(site);
        if (made.rows != tap.rows.size() || made.width != tap.channels) continue;
        const double left = residual(tap, made);
        if (!(left < least)) continue;
        least = left;
        best = fault;
        chosen = std::move(hypothesis);
      }
    }
    if (best == nullptr) return false;
    Finding& finding = add(std::string(best->name), weight, before, least, 0.97);
    finding.parameters = chosen.parameters;
    finding.claim = best->claim;
    finding.remedy = best->remedy;
    finding.sources = best->sources;
    return true;
  }

  /// Whether they hold another tensor of the file; if so it is the nearest one.
  bool is_another(const WeightPair& pair, const ForeignWeight& weight, double limit) {
    const gguf::Tensor* nearest = nullptr;
    for (const gguf::Tensor& other : model_.file.tensors()) {
      if (other.name == weight.name || !other.type->is_decodable()) continue;
      if (other.values() != pair.outputs() * pair.inputs()) continue;
      const WeightPair with(other, weight.array, model::scales_of(model_.file, other));
      if (with.shape() == WeightShape::other) continue;
      for (const WeightPlace& place : places(with, other.name)) {
        const double left = with.match(place).residual;
        if (left > limit) continue;
        limit = left;
        nearest = &other;
      }
    }
    if (nearest == nullptr) return false;
    Finding& finding = add("wrong_tensor", weight, pair.match({}).residual, limit, 0.95);
    finding.parameters = {{"tensor", std::string(nearest->name)}};
    finding.claim = fmt::format("holds the file's {} in its place", nearest->name);
    finding.remedy = "Load every tensor by its own name.";
    finding.sources = find_fault("wrong_tensor")->sources;
    return true;
  }

  Finding& add(std::string fault, const ForeignWeight& weight, double before, double after, double confidence) {
    Finding finding;
    finding.taps = {weight.name};
    finding.operation = "weights";
    finding.fault = std::move(fault);
    finding.residual_before = before;
    finding.residual_after = after;
    finding.confidence = confidence;
    return report_.findings.emplace_back(std::move(finding));
  }

  const model::Model& model_;
  const trace::ForeignTrace& trace_;
  int threads_;
  Stepper stepper_;
  std::vector<Placed> placed_;
  std::map<std::string, std::vector<std::string>> notes_;
  GateReport report_;
};

bool reads(const model::Plan& plan, const model::Step& step, std::string_view weight) {
  const auto is_it = [&](model::WeightId id) {
    return id != model::kNoWeight && plan.weights[static_cast<std::size_t>(id)]->name == weight;
  };
  if (const auto* linear = std::get_if<model::Linear>(&step.operation))
    return is_it(linear->weight) || is_it(linear->bias);
  if (const auto* experts = std::get_if<model::ExpertLinear>(&step.operation)) {
    return is_it(experts->weight) || is_it(experts->bias);
  }
  if (const auto* norm = std::get_if<model::RmsNorm>(&step.operation)) return is_it(norm->weight);
  if (const auto* norm = std::get_if<model::LayerNorm>(&step.operation))
    return is_it(norm->weight) || is_it(norm->bias);
  const auto* embed = std::get_if<model::Embed>(&step.operation);
  return embed != nullptr && is_it(embed->table);
}

/// Whether at least one step reads the weight and all that do came out right.
bool is_used_rightly(const model::Plan& plan, const std::vector<StepReport>& steps, std::string_view weight) {
  bool is_used = false;
  for (const StepReport& report : steps) {
    if (!reads(plan, plan.steps[report.step], weight)) continue;
    if (report.outcome != StepReport::Outcome::healthy) return false;
    is_used = true;
  }
  return is_used;
}

}  // namespace

void acquit_weights(const model::Plan& plan, const std::vector<StepReport>& steps, std::vector<Finding>& findings,
                    std::vector<std::string>& notes) {
  for (Finding& finding : findings) {
    if (finding.operation != "weights") continue;
    const auto right = std::stable_partition(finding.taps.begin(), finding.taps.end(), [&](const std::string& weight) {
      return !is_used_rightly(plan, steps, weight);
    });
    if (right == finding.taps.end()) continue;
    notes.push_back(fmt::format("{}: {} (but the steps that read it are right)", *right, finding.claim));
    finding.taps.erase(right, finding.taps.end());
  }
  std::erase_if(findings, [](const Finding& finding) { return finding.taps.empty(); });
}

GateReport check_weights(const model::Model& model, const trace::ForeignTrace& trace, int threads) {
  return WeightGate(model, trace, threads).run();
}

}  // namespace assay::diagnose

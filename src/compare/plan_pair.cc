#include "compare/plan_pair.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "model/join.h"

namespace assay::compare {
namespace {

using Slots = std::array<model::WeightId*, 2>;  // null: the operation has no such tensor

struct OperationSlots {
  Slots operator()(model::Embed& embed) const { return {&embed.table, nullptr}; }
  Slots operator()(model::RmsNorm& norm) const { return {&norm.weight, nullptr}; }
  Slots operator()(model::LayerNorm& norm) const { return {&norm.weight, &norm.bias}; }
  Slots operator()(model::Linear& linear) const { return {&linear.weight, &linear.bias}; }
  Slots operator()(model::Rope&) const { return {}; }
  Slots operator()(model::PositionScale&) const { return {}; }
  Slots operator()(model::Attention& attention) const { return {&attention.sinks, nullptr}; }
  Slots operator()(model::GatedActivation&) const { return {}; }
  Slots operator()(model::Add&) const { return {}; }
  Slots operator()(model::AddBias& add) const { return {&add.bias, nullptr}; }
  Slots operator()(model::Concat&) const { return {}; }
  Slots operator()(model::Scale&) const { return {}; }
  Slots operator()(model::SoftCap&) const { return {}; }
  Slots operator()(model::Softmax&) const { return {}; }
  Slots operator()(model::Sigmoid&) const { return {}; }
  Slots operator()(model::TopK&) const { return {}; }
  Slots operator()(model::Pick&) const { return {}; }
  Slots operator()(model::Normalize&) const { return {}; }
  Slots operator()(model::ExpertLinear& linear) const { return {&linear.weight, &linear.bias}; }
  Slots operator()(model::WeightedSum&) const { return {}; }
  Slots operator()(model::SigmoidGate&) const { return {}; }
};

Slots slots(model::Operation& operation) { return std::visit(OperationSlots{}, operation); }

std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }

struct ParameterDifference {
  std::string operator()(const model::RmsNorm& a, const model::RmsNorm& b) const {
    return a.epsilon == b.epsilon && a.group == b.group ? "" : "another epsilon or group";
  }
  std::string operator()(const model::LayerNorm& a, const model::LayerNorm& b) const {
    return a.epsilon == b.epsilon ? "" : "another epsilon";
  }
  std::string operator()(const model::PositionScale& a, const model::PositionScale& b) const {
    return a.growth == b.growth && a.length == b.length ? "" : "another growth with the position";
  }
  std::string operator()(const model::Rope& a, const model::Rope& b) const {
    if (a.pairing != b.pairing || a.head_width != b.head_width) return "other rotary pairs";
    return a.frequencies == b.frequencies && a.magnitude == b.magnitude ? "" : "other rotary frequencies";
  }
  std::string operator()(const model::Attention& a, const model::Attention& b) const {
    if (a.heads != b.heads || a.kv_heads != b.kv_heads || a.head_width != b.head_width) return "other heads";
    if (a.scale != b.scale) return "another scale";
    if (a.window != b.window) return "another window";
    return a.soft_cap == b.soft_cap ? "" : "another soft cap";
  }
  std::string operator()(const model::GatedActivation& a, const model::GatedActivation& b) const {
    return a.activation == b.activation ? "" : "another activation";
  }
  std::string operator()(const model::Scale& a, const model::Scale& b) const {
    return a.factor == b.factor ? "" : "another factor";
  }
  std::string operator()(const model::SoftCap& a, const model::SoftCap& b) const {
    return a.cap == b.cap ? "" : "another soft cap";
  }
  std::string operator()(const model::TopK& a, const model::TopK& b) const {
    return a.groups == b.groups && a.used_groups == b.used_groups ? "" : "other groups";
  }
  /// Operations that differ in tensors only, or not in kind at all.
  template <typename A, typename B>
  std::string operator()(const A&, const B&) const {
    return "";
  }
};

/// Which of the slots hold a tensor.
std::array<bool, 2> are_filled(const model::Operation& operation) {
  model::Operation copy = operation;
  std::array<bool, 2> filled{};
  const Slots all = slots(copy);
  for (std::size_t i = 0; i < all.size(); ++i) filled[i] = all[i] != nullptr && *all[i] != model::kNoWeight;
  return filled;
}

std::string difference(const model::Step& reference, const model::Step& candidate, const model::Plan& in_reference,
                       const model::Plan& in_candidate) {
  const model::Value& r = in_reference.values[index(reference.output)];
  const model::Value& c = in_candidate.values[index(candidate.output)];
  if (r.tap != c.tap) return fmt::format("a step writes {} in one and {} in the other", r.tap, c.tap);
  if (r.width != c.width) return fmt::format("{} has {} channels in one and {} in the other", r.tap, r.width, c.width);
  if (reference.operation.index() != candidate.operation.index()) {
    return fmt::format("{} is {} in one and {} in the other", r.tap, model::name_of(reference.operation),
                       model::name_of(candidate.operation));
  }
  if (reference.inputs != candidate.inputs || reference.output != candidate.output ||
      reference.only_outputs != candidate.only_outputs) {
    return fmt::format("{} is computed from other values", r.tap);
  }
  const std::array<bool, 2> filled = are_filled(reference.operation);
  const std::array<bool, 2> other = are_filled(candidate.operation);
  if (filled[1] != other[1]) return fmt::format("{} has a bias in one and none in the other", r.tap);
  if (filled[0] != other[0]) return fmt::format("{} has sinks in one and none in the other", r.tap);
  return {};
}

void check_steps(const model::Plan& reference, const model::Plan& candidate, std::string_view reference_name,
                 std::string_view candidate_name) {
  std::string found;
  const std::size_t steps = std::min(reference.steps.size(), candidate.steps.size());
  for (std::size_t i = 0; i < steps && found.empty(); ++i) {
    found = difference(reference.steps[i], candidate.steps[i], reference, candidate);
  }
  if (found.empty() && reference.steps.size() != candidate.steps.size()) {
    found = fmt::format("one has {} steps and the other {}", reference.steps.size(), candidate.steps.size());
  }
  if (found.empty()) return;
  throw Error(ErrorKind::input,
              fmt::format("{} and {} are not the same network: {}", reference_name, candidate_name, found),
              "Compare quantizations of one model.");
}

bool same_bytes(const gguf::Tensor& a, const gguf::Tensor& b) {
  if (a.type != b.type) return false;
  return a.data.data() == b.data.data() || std::equal(a.data.begin(), a.data.end(), b.data.begin(), b.data.end());
}

}  // namespace

PlanPair::PlanPair(const model::Plan& reference, const model::Plan& candidate, std::string_view reference_name,
                   std::string_view candidate_name)
    : reference_(reference), candidate_(candidate) {
  check_steps(reference, candidate, reference_name, candidate_name);
  tensors_.resize(candidate.weights.size());
  for (std::size_t i = 0; i < candidate.steps.size(); ++i) {
    model::Operation of_reference = reference.steps[i].operation;
    model::Operation of_candidate = candidate.steps[i].operation;
    const Slots from = slots(of_reference);
    const Slots to = slots(of_candidate);
    for (std::size_t slot = 0; slot < to.size(); ++slot) {
      if (to[slot] == nullptr || *to[slot] == model::kNoWeight) continue;
      PairedTensor& tensor = tensors_[index(*to[slot])];
      const gguf::Tensor* original = reference.weights[index(*from[slot])];
      if (original->values() != candidate.weights[index(*to[slot])]->values()) {
        throw Error(ErrorKind::input,
                    fmt::format("{} and {} are not the same network: tensor {} has shape {} in one and {} in the other",
                                reference_name, candidate_name, original->name, model::shape_text(original->ne),
                                model::shape_text(candidate.weights[index(*to[slot])]->ne)),
                    "Compare quantizations of one model.");
      }
      if (tensor.reference == nullptr) tensor.reference = original;
      tensor.candidate = candidate.weights[index(*to[slot])];
      tensor.differs = tensor.differs || !same_bytes(*original, *tensor.candidate);
    }
    const std::string found = std::visit(ParameterDifference{}, of_reference, of_candidate);
    if (!found.empty()) {
      parameter_differences_.push_back(
          fmt::format("{}: {}", candidate.values[index(candidate.steps[i].output)].tap, found));
    }
  }
}

model::Plan PlanPair::put_back(std::span<const model::WeightId> weights) const {
  model::Plan plan = candidate_;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    model::Operation original = reference_.steps[i].operation;
    const Slots from = slots(original);
    const Slots to = slots(plan.steps[i].operation);
    for (std::size_t slot = 0; slot < to.size(); ++slot) {
      if (to[slot] == nullptr || std::find(weights.begin(), weights.end(), *to[slot]) == weights.end()) continue;
      plan.weights.push_back(reference_.weights[index(*from[slot])]);
      *to[slot] = static_cast<model::WeightId>(plan.weights.size() - 1);
    }
  }
  return plan;
}

int layer_of(std::string_view tap) {
  constexpr std::string_view kPrefix = "blk.";
  if (tap.substr(0, kPrefix.size()) != kPrefix) return -1;
  int layer = -1;
  const auto end = std::from_chars(tap.data() + kPrefix.size(), tap.data() + tap.size(), layer);
  return end.ec == std::errc{} ? layer : -1;
}

model::WeightId main_weight(const model::Operation& operation) {
  model::Operation copy = operation;
  const model::WeightId* slot = slots(copy)[0];
  return slot == nullptr ? model::kNoWeight : *slot;
}

}  // namespace assay::compare

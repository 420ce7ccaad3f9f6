#include "model/plan_builder.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "model/join.h"

namespace assay::model {
namespace {

constexpr std::size_t kNamedProblems = 3;

/// Without the trailing ones that a writer may add.
std::vector<std::uint64_t> significant(std::vector<std::uint64_t> ne) {
  while (ne.size() > 1 && ne.back() == 1) ne.pop_back();
  return ne;
}

/// Once, though steps that follow each other take parts of the tensor. Only the latest are looked at: a damaged file
/// may have very many.
void note(std::vector<std::string>& problems, std::string problem) {
  constexpr std::size_t kLatest = 6;
  const auto latest = problems.end() - static_cast<std::ptrdiff_t>(std::min(problems.size(), kLatest));
  if (std::find(latest, problems.end(), problem) == problems.end()) problems.push_back(std::move(problem));
}

}  // namespace

const gguf::Tensor* PlanBuilder::find_checked(const std::string& tensor, const std::vector<std::uint64_t>& ne) {
  const gguf::Tensor* found = file_.find_tensor(tensor);
  if (found == nullptr) {
    note(problems_, tensor + " is missing");
    return nullptr;
  }
  used_.insert(tensor);
  if (significant(found->ne) != significant(ne)) {
    note(problems_, fmt::format("{} has shape {} where the hyper-parameters ask for {}", tensor, shape_text(found->ne),
                                shape_text(ne)));
  }
  if (!found->type->is_decodable()) note(undecodable_, fmt::format("{} is {}", tensor, found->type->name));
  return found;
}

WeightId PlanBuilder::add_weight(const gguf::Tensor* tensor) {
  if (tensor == nullptr) return kNoWeight;
  const auto known = std::find(plan_.weights.begin(), plan_.weights.end(), tensor);
  if (known == plan_.weights.end()) {
    plan_.weights.push_back(tensor);
    return static_cast<WeightId>(plan_.weights.size() - 1);
  }
  return static_cast<WeightId>(known - plan_.weights.begin());
}

WeightId PlanBuilder::add_part(const gguf::Tensor* tensor, const Part& part) {
  if (tensor == nullptr) return kNoWeight;
  // A matrix of rows, or a vector of values. Of a tensor of another shape, which finish() will refuse, take nothing.
  const std::vector<std::uint64_t> ne = significant(tensor->ne);
  if (ne.back() != part.of) return kNoWeight;
  const std::size_t row = ne.size() == 1 ? 1 : ne[0];
  const std::size_t first = part.first * row;
  const std::size_t count = part.count * row;
  const quant::Type& type = *tensor->type;
  if (first % type.block_values != 0 || count % type.block_values != 0) {
    note(problems_, fmt::format("{} is {}, and a part of it ends inside a block", tensor->name, type.name));
    return kNoWeight;
  }
  gguf::Tensor view = *tensor;
  view.ne = ne;
  view.ne.back() = part.count;
  view.data =
      tensor->data.subspan(first / type.block_values * type.block_bytes, count / type.block_values * type.block_bytes);
  view.whole = tensor;
  plan_.parts.push_back(std::make_shared<const gguf::Tensor>(std::move(view)));
  return add_weight(plan_.parts.back().get());
}

WeightId PlanBuilder::matrix(const std::string& tensor, std::size_t inputs, std::size_t outputs) {
  return add_weight(find_checked(tensor, {inputs, outputs}));
}

WeightId PlanBuilder::matrices(const std::string& tensor, std::size_t inputs, std::size_t outputs,
                               std::size_t experts) {
  return add_weight(find_checked(tensor, {inputs, outputs, experts}));
}

WeightId PlanBuilder::vector(const std::string& tensor, std::size_t width) {
  return add_weight(find_checked(tensor, {width}));
}

WeightId PlanBuilder::optional_vector(const std::string& tensor, std::size_t width) {
  return has(tensor) ? vector(tensor, width) : kNoWeight;
}

std::vector<double> PlanBuilder::optional_values(const std::string& tensor, std::size_t count) {
  return has(tensor) ? values(tensor, count) : std::vector<double>();
}

std::vector<double> PlanBuilder::values(const std::string& tensor, std::size_t count) {
  const std::size_t problems = problems_.size() + undecodable_.size();
  const gguf::Tensor* found = find_checked(tensor, {count});
  if (found == nullptr || problems_.size() + undecodable_.size() > problems) return {};
  std::vector<double> values(count);
  quant::decode_exact(*found->type, found->data.data(), count / found->type->block_values, values.data());
  return values;
}

ValueId PlanBuilder::add_step(std::string tap, std::size_t width, Operation operation, std::vector<ValueId> inputs,
                              bool only_outputs) {
  const auto output = static_cast<ValueId>(plan_.values.size());
  plan_.values.push_back({std::move(tap), width});
  plan_.steps.push_back({std::move(operation), std::move(inputs), output, only_outputs});
  return output;
}

ValueId PlanBuilder::linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs,
                            bool only_outputs) {
  const Linear operation{matrix(tensor + ".weight", width(x), outputs), optional_vector(tensor + ".bias", outputs)};
  return add_linear(std::move(tap), outputs, operation, x, tensor, only_outputs);
}

ValueId PlanBuilder::biased_linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs) {
  const Linear operation{matrix(tensor + ".weight", width(x), outputs), vector(tensor + ".bias", outputs)};
  return add_linear(std::move(tap), outputs, operation, x, tensor, false);
}

ValueId PlanBuilder::add_linear(std::string tap, std::size_t outputs, const Linear& operation, ValueId x,
                                const std::string& tensor, bool only_outputs) {
  // What engines of 4-bit activations divide them by.
  if (has(tensor + ".input_scale")) used_.insert(tensor + ".input_scale");
  const std::vector<double> scale = optional_values(tensor + ".scale", 1);
  if (scale.empty()) return add_step(std::move(tap), outputs, operation, {x}, only_outputs);
  if (operation.bias != kNoWeight) note(unsupported_, tensor + ".scale beside a bias");
  const ValueId product = add_step(tap + "_unscaled", outputs, operation, {x}, only_outputs);
  return add_step(std::move(tap), outputs, Scale{scale.front()}, {product}, only_outputs);
}

ValueId PlanBuilder::expert_linear(std::string tap, ValueId x, ValueId chosen, const std::string& tensor,
                                   std::size_t inputs, std::size_t outputs, std::size_t experts) {
  const WeightId weight = matrices(tensor + ".weight", inputs, outputs, experts);
  if (has(tensor + ".scale")) note(unsupported_, tensor + ".scale, a factor for each expert");
  const WeightId bias = has(tensor + ".bias") ? matrix(tensor + ".bias", outputs, experts) : kNoWeight;
  return add_step(std::move(tap), width(chosen) * outputs, ExpertLinear{weight, bias, experts, outputs}, {x, chosen});
}

ValueId PlanBuilder::head_linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs,
                                 std::size_t heads) {
  const WeightId weight = matrices(tensor + ".weight", width(x) / heads, outputs, heads);
  return add_step(std::move(tap), heads * outputs, ExpertLinear{weight, kNoWeight, heads, outputs}, {x});
}

ValueId PlanBuilder::linear(std::string tap, ValueId x, const std::string& tensor, const Part& part) {
  const std::string bias = tensor + ".bias";
  Linear operation{add_part(find_checked(tensor + ".weight", {width(x), part.of}), part)};
  if (has(bias)) operation.bias = add_part(find_checked(bias, {part.of}), part);
  return add_linear(std::move(tap), part.count, operation, x, tensor, false);
}

ValueId PlanBuilder::rms_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon,
                              bool only_outputs) {
  const std::size_t channels = width(x);
  return add_step(std::move(tap), channels, RmsNorm{vector(tensor + ".weight", channels), epsilon, channels}, {x},
                  only_outputs);
}

ValueId PlanBuilder::layer_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon, bool is_biased,
                                bool only_outputs) {
  const std::size_t channels = width(x);
  const WeightId bias = is_biased ? vector(tensor + ".bias", channels) : kNoWeight;
  const LayerNorm operation{vector(tensor + ".weight", channels), bias, epsilon};
  return add_step(std::move(tap), channels, operation, {x}, only_outputs);
}

ValueId PlanBuilder::head_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon,
                               std::size_t head_width) {
  const RmsNorm operation{vector(tensor + ".weight", head_width), epsilon, head_width};
  return add_step(std::move(tap), width(x), operation, {x});
}

ValueId PlanBuilder::add(std::string tap, ValueId a, ValueId b) {
  return add_step(std::move(tap), width(a), Add{}, {a, b});
}

Plan PlanBuilder::finish(std::size_t context_length) {
  if (!problems_.empty()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: tensor {}", file_.name(), join_first(problems_, kNamedProblems, "; ")),
                "The file is incomplete or its metadata belongs to another model; `inspect` lists what it holds.");
  }
  if (!undecodable_.empty()) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: tensor {}, a type that cannot be decoded", file_.name(),
                            join_first(undecodable_, kNamedProblems, "; ")),
                "Take the model in another quantization, for example Q4_K_M or Q8_0.");
  }
  if (!unsupported_.empty()) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: tensor {}, which is not supported", file_.name(),
                            join_first(unsupported_, kNamedProblems, "; ")),
                "Take the model in another quantization, for example Q4_K_M or Q8_0.");
  }
  for (const Step& step : plan_.steps) {
    const auto* attention = std::get_if<Attention>(&step.operation);
    if (attention == nullptr) continue;
    const std::size_t kv_width = attention->kv_heads * attention->head_width;
    assert(plan_.kv_width == 0 || plan_.kv_width == kv_width);
    assert(attention->value_width <= attention->head_width);
    plan_.kv_width = kv_width;
    plan_.layers = std::max(plan_.layers, attention->layer + 1);
  }
  plan_.logits = plan_.steps.back().output;
  plan_.vocabulary = width(plan_.logits);
  plan_.context_length = plan_.context_limit == 0 ? context_length : std::min(context_length, plan_.context_limit);
  return std::move(plan_);
}

std::vector<std::string> PlanBuilder::unused_tensors() const {
  std::vector<std::string> unused;
  for (const gguf::Tensor& tensor : file_.tensors()) {
    if (used_.find(tensor.name) == used_.end()) unused.emplace_back(tensor.name);
  }
  return unused;
}

}  // namespace assay::model

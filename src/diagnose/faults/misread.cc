#include "diagnose/faults/misread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/threads.h"
#include "diagnose/faults/experts.h"
#include "engine/experts.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

/// The block formula (quant/type.h).
void evaluate(const quant::BlockIntegers& integers, std::size_t count, double* values) {
  const auto group_values = static_cast<std::size_t>(integers.group_values);
  for (std::size_t first = 0, group = 0; first < count; first += group_values, ++group) {
    const double scale = static_cast<double>(integers.d) * integers.scale[group];
    const double min = static_cast<double>(integers.dmin) * integers.min[group];
    for (std::size_t i = first; i < first + group_values; ++i) values[i] = scale * integers.quant[i] - min;
  }
}

void read_blocks(const gguf::Tensor& tensor, std::size_t index, Misread misread, double* values) {
  const quant::Type& type = *tensor.type;
  const std::byte* block = tensor.row(index).data();
  const std::size_t blocks = tensor.row_values() / type.block_values;
  for (std::size_t i = 0; i < blocks; ++i, block += type.block_bytes, values += type.block_values) {
    Block taken_apart(type, block);
    misread(taken_apart);
    evaluate(taken_apart, type.block_values, values);
  }
}

}  // namespace

const gguf::Tensor* matrix_of(const Site& site) {
  if (const auto* linear = site.operation<model::Linear>()) return &site.tensor(linear->weight);
  if (const auto* embed = site.operation<model::Embed>()) return &site.tensor(embed->table);
  if (const auto* experts = site.operation<model::ExpertLinear>()) return &site.tensor(experts->weight);
  return nullptr;
}

bool is_one_of(std::string_view types, const quant::Type& type) {
  while (!types.empty()) {
    const std::string_view name = types.substr(0, types.find(' '));
    if (name == type.name) return true;
    types.remove_prefix(name.size() == types.size() ? name.size() : name.size() + 1);
  }
  return false;
}

Matrix run_with_rows(const Site& site, const ReadRow& read) {
  const gguf::Tensor& tensor = *matrix_of(site);
  const auto row_values = static_cast<std::size_t>(tensor.row_values());
  if (site.operation<model::Embed>() != nullptr) {
    Matrix output(site.passage.tokens.size(), row_values);
    for (std::size_t i = 0; i < output.rows; ++i) {
      read(tensor, static_cast<std::size_t>(site.passage.tokens[i]), output.row(i));
    }
    return output;
  }
  if (site.operation<model::ExpertLinear>() != nullptr) return run_experts_with_rows(site, read);
  const Matrix& x = site.input(0);
  const kernels::Kernels& kernels = kernels::kernels();
  const int threads = site.stepper.threads_for(x.rows * tensor.values());
  Matrix output(x.rows, static_cast<std::size_t>(tensor.rows()));
  std::vector<double> own(static_cast<std::size_t>(threads) * row_values);
  run_team(threads, [&](const Team& team) {
    double* row = own.data() + static_cast<std::size_t>(team.thread) * row_values;
    const auto [begin, end] = team.share(output.width);
    for (std::size_t r = begin; r < end; ++r) {
      read(tensor, r, row);
      for (std::size_t i = 0; i < x.rows; ++i) output.row(i)[r] = kernels.dot_exact(row, x.row(i), x.width);
    }
  });
  add_bias(site, output);
  return output;
}

void add_bias(const Site& site, Matrix& output) {
  const auto* experts = site.operation<model::ExpertLinear>();
  if (experts != nullptr && experts->bias != model::kNoWeight) {
    const Matrix biases = site.stepper.decode(experts->bias);
    for (std::size_t i = 0; i < output.values.size(); ++i) {
      const std::size_t slot = i % output.width / experts->outputs;
      const std::size_t expert = engine::index_of(site.input(1).row(i / output.width)[slot], experts->experts);
      if (expert < experts->experts) output.values[i] += biases.row(expert)[i % experts->outputs];
    }
  }
  const auto* linear = site.operation<model::Linear>();
  if (linear == nullptr || linear->bias == model::kNoWeight) return;
  const Matrix bias = site.stepper.decode(linear->bias);
  for (std::size_t i = 0; i < output.rows; ++i) {
    for (std::size_t c = 0; c < output.width; ++c) output.row(i)[c] += bias.values[c];
  }
}

model::WeightId find_weight(const Site& site, std::string_view name) {
  const auto& all = site.plan().weights;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const gguf::Tensor* weight) { return weight->name == name; });
  return found == all.end() ? model::kNoWeight : static_cast<model::WeightId>(found - all.begin());
}

Matrix run_with_weight(const Site& site, model::WeightId weight) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): changed through its variant
  model::Step changed = site.step();
  if (auto* embed = std::get_if<model::Embed>(&changed.operation)) embed->table = weight;
  if (auto* linear = std::get_if<model::Linear>(&changed.operation)) linear->weight = weight;
  if (auto* experts = std::get_if<model::ExpertLinear>(&changed.operation)) experts->weight = weight;
  return site.run(changed);
}

void propose_misread(const Site& site, std::vector<Hypothesis>& hypotheses, std::string_view types,
                     std::vector<Parameter> parameters, Misread misread) {
  const gguf::Tensor* matrix = matrix_of(site);
  if (matrix == nullptr || !is_one_of(types, *matrix->type)) return;
  hypotheses.push_back({std::move(parameters), [types, misread](const Site& here) {
                          if (!is_one_of(types, *matrix_of(here)->type)) return here.exact();
                          return run_with_rows(
                              here, [misread](const gguf::Tensor& tensor, std::size_t index, double* values) {
                                read_blocks(tensor, index, misread, values);
                              });
                        }});
}

}  // namespace assay::diagnose

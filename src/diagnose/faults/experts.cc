#include "diagnose/faults/experts.h"

#include <array>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "base/threads.h"
#include "engine/experts.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

std::size_t index(model::ValueId value) { return static_cast<std::size_t>(value); }

/// The step that writes a value.
std::size_t writer_of(const model::Plan& plan, model::ValueId value) {
  std::size_t step = 0;
  while (plan.steps[step].output != value) ++step;
  return step;
}

}  // namespace

Matrix chosen_matrices(const Site& site) {
  if (site.step().inputs.size() > 1) return site.input(1);
  Matrix own(site.input(0).rows, site.operation<model::ExpertLinear>()->experts);
  for (std::size_t i = 0; i < own.values.size(); ++i) own.values[i] = static_cast<double>(i % own.width);
  return own;
}

Matrix run_experts_with_rows(const Site& site, const ReadRow& read) {
  const auto& linear = *site.operation<model::ExpertLinear>();
  const gguf::Tensor& tensor = *matrix_of(site);
  const Matrix& x = site.input(0);
  const Matrix chosen = chosen_matrices(site);
  const auto inputs = static_cast<std::size_t>(tensor.row_values());
  const kernels::Kernels& kernels = kernels::kernels();
  Matrix output(x.rows, chosen.width * linear.outputs);
  const int threads = site.stepper.threads_for(output.values.size() * inputs);
  std::vector<double> own(static_cast<std::size_t>(threads) * inputs);
  run_team(threads, [&](const Team& team) {
    double* row = own.data() + static_cast<std::size_t>(team.thread) * inputs;
    const auto [begin, end] = team.share(linear.outputs);
    for (std::size_t expert = 0; expert < linear.experts; ++expert) {
      for (std::size_t r = begin; r < end; ++r) {
        bool is_read = false;
        for (std::size_t i = 0; i < x.rows; ++i) {
          for (std::size_t slot = 0; slot < chosen.width; ++slot) {
            if (chosen.row(i)[slot] != static_cast<double>(expert)) continue;
            if (!is_read) read(tensor, expert * linear.outputs + r, row);
            is_read = true;
            const double* vector = x.row(i) + (x.width == inputs ? 0 : slot * inputs);
            output.row(i)[slot * linear.outputs + r] = kernels.dot_exact(row, vector, inputs);
          }
        }
      }
    }
  });
  add_bias(site, output);
  return output;
}

Matrix run_with_choice(const Site& site, const Matrix& chosen) {
  return site.run(site.step(), std::array<const Matrix*, 2>{&site.input(0), &chosen});
}

std::size_t experts_used(const Site& site) { return site.plan().values[index(site.step().inputs[1])].width; }

Matrix run_with_count(const Site& site, std::size_t count) {
  // Between the choice and the sum all steps have a part for each slot; a plan with other widths runs them again.
  model::Plan plan = site.plan();
  const std::size_t used = experts_used(site);
  const model::Step& outputs = plan.steps[writer_of(plan, site.step().inputs[0])];
  const std::size_t first = writer_of(plan, outputs.inputs[1]);
  for (std::size_t step = first; step < site.index; ++step) {
    std::size_t& width = plan.values[index(plan.steps[step].output)].width;
    width = width / used * count;
  }
  const Stepper stepper(plan, site.stepper.threads());
  std::map<model::ValueId, Matrix> made;
  for (std::size_t step = first; step <= site.index; ++step) {
    std::vector<const Matrix*> inputs;
    for (const model::ValueId input : plan.steps[step].inputs) {
      const auto found = made.find(input);
      inputs.push_back(found == made.end() ? &site.values.value(input) : &found->second);
    }
    Matrix output = stepper.run(plan.steps[step], site.passage, inputs);
    made[plan.steps[step].output] = std::move(output);
  }
  return std::move(made[site.step().output]);
}

}  // namespace assay::diagnose

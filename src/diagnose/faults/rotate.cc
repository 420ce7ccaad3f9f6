#include "diagnose/faults/rotate.h"

#include <algorithm>
#include <utility>

#include "engine/oracle/operations.h"

namespace assay::diagnose {

Matrix rotate(const Site& here, const model::Rope& rope, const PositionOf& position) {
  if (here.then != nullptr) {
    model::Step changed = here.step();
    changed.operation = rope;
    Site next = here;
    next.changed = &changed;
    next.position = &position;
    next.then = nullptr;
    return here.then->run(next);
  }
  const Matrix& input = here.input(0);
  Matrix output(input.rows, input.width);
  for (std::size_t i = 0; i < input.rows; ++i) {
    engine::oracle::rotate(rope, position(here.passage, i), {input.row(i), input.width}, output.row(i));
  }
  return output;
}

void propose_positions(const Site& site, std::vector<Parameter> parameters, const PositionOf& position,
                       std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Rope>() == nullptr) return;
  const auto& right = site.passage.positions;
  bool differs = false;
  for (std::size_t i = 0; i < right.size(); ++i) {
    differs = differs || position(site.passage, i) != static_cast<double>(right[i]);
  }
  if (!differs) return;
  hypotheses.push_back({std::move(parameters), [position](const Site& here) {
                          return rotate(here, *here.operation<model::Rope>(), position);
                        }});
}

bool has_turns(const Passage& passage) {
  return std::any_of(passage.positions.begin(), passage.positions.end(), [](std::size_t p) { return p > 0; });
}

const model::Rope* turning(const Site& site) {
  return has_turns(site.passage) ? site.operation<model::Rope>() : nullptr;
}

}  // namespace assay::diagnose

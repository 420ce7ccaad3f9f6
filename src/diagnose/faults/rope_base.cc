#include <algorithm>
#include <cmath>
#include <vector>

#include "diagnose/faults/angles.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"
#include "diagnose/faults/solve.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

std::vector<double> frequencies(const Site& site, const RopeOfModel& of_model, double base) {
  const auto rope = of_model.with([base](model::HyperParameters& hp) { hp.rope_freq_base = base; });
  return rope ? rope->frequencies : site.operation<model::Rope>()->frequencies;
}

Matrix rotated(const Site& here, double base) {
  model::Step changed = here.step();
  std::get<model::Rope>(changed.operation).frequencies = frequencies(here, RopeOfModel(here), base);
  return here.run(changed);
}

/// The base that the given angles say.
double solve(const Site& site, const RopeOfModel& of_model) {
  const Angles angles(site);
  double limit = 4 * angles.lowest();
  const auto error = [&](double log_base) {
    return -angles.agreement(frequencies(site, of_model, std::exp(log_base)), limit);
  };
  // Angles of low positions have not wrapped, so the grid finds the right hollow; higher ones make it exact.
  const auto points = static_cast<std::size_t>(std::clamp(100 * angles.lowest(), 400.0, 4000.0));
  double log_base = minimize(std::log(100), std::log(1e8), points, error);
  while (limit < angles.highest()) {
    const double within = 4 / limit;
    limit *= 8;
    log_base = minimize(log_base - within, log_base + within, 16, error);
  }
  return std::exp(log_base);
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (turning(site) == nullptr) return;
  const RopeOfModel of_model(site);
  if (!of_model.with([](model::HyperParameters&) {})) return;
  const double own = site.operation<model::Rope>()->base;
  std::vector<Usual> bases = {{own, ""}, {10000, "10000"}, {500000, "500000"}, {1000000, "1000000"}};
  if (site.given != nullptr) {
    const auto error = [&](double base) { return disagreement(rotated(site, base), *site.given); };
    bases = settle(solve(site, of_model), bases, error, 5);
    if (bases.front().value == own) return;
  }
  for (const Usual& base : bases) {
    if (base.value == own) continue;
    hypotheses.push_back(
        {{{"base", base.text}}, [value = base.value](const Site& here) { return rotated(here, value); }});
  }
}

Parameter prescribe(const Site& site) { return {"base", number(site.operation<model::Rope>()->base, 10)}; }

}  // namespace

const Fault kRopeBase = {"rope_base",
                         "turns by frequencies of another base (theta) than the file's rope.freq_base",
                         "Read rope.freq_base from the file; there is no base that fits all models.",
                         "1bit-MONSTER/1bit-MONSTER#1728 JunSuzukiJapan/rustorch",
                         FaultClass::mistake,
                         propose,
                         prescribe};

}  // namespace assay::diagnose

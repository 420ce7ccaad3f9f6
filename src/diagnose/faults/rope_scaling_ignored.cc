#include <cmath>
#include <utility>

#include "base/math.h"
#include "diagnose/faults/angles.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

/// Without any scaling.
model::Rope plain(const Site& here) {
  model::Rope rope = *here.operation<model::Rope>();
  const auto dimensions = 2 * static_cast<double>(rope.frequencies.size());
  for (std::size_t i = 0; i < rope.frequencies.size(); ++i) {
    rope.frequencies[i] = portable_pow(rope.base, -2 * static_cast<double>(i) / dimensions);
  }
  rope.magnitude = 1;
  return rope;
}

Matrix run(const Site& here, model::Rope rope) {
  model::Step changed = here.step();
  changed.operation = std::move(rope);
  return here.run(changed);
}

bool differs(const model::Rope& a, const model::Rope& b) {
  for (std::size_t i = 0; i < a.frequencies.size(); ++i) {
    if (std::abs(a.frequencies[i] - b.frequencies[i]) > 1e-9 * b.frequencies[i]) return true;
  }
  return false;
}

void as_linear(model::HyperParameters& hp) { hp.rope_scaling_type = "linear"; }

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* rope = turning(site);
  if (rope == nullptr || !rope->is_scaled) return;
  if (differs(plain(site), *rope)) {
    hypotheses.push_back({{}, [](const Site& here) { return run(here, plain(here)); }});
    if (rope->magnitude != 1) {
      hypotheses.push_back({{{"magnitude", "kept"}}, [](const Site& here) {
                              model::Rope changed = plain(here);
                              changed.magnitude = here.operation<model::Rope>()->magnitude;
                              return run(here, changed);
                            }});
    }
  }
  for (const auto& [length, tensor] : {std::pair("short", kShortFactors), std::pair("long", kLongFactors)}) {
    const auto other = rope_with_factors(site, tensor);
    if (!other || !differs(*other, *rope)) continue;
    hypotheses.push_back({{{"factors", length}}, [tensor = tensor](const Site& here) {
                            return run(here, rope_with_factors(here, tensor).value_or(*here.operation<model::Rope>()));
                          }});
  }
  const auto linear = rope_with(site, as_linear);
  if (site.hyper_parameters().rope_scaling_type != "yarn" || !linear || !differs(*linear, *rope)) return;
  hypotheses.push_back({{{"scaling", "linear"}}, [](const Site& here) {
                          return run(here, rope_with(here, as_linear).value_or(*here.operation<model::Rope>()));
                        }});
}

}  // namespace

const Fault kRopeScalingIgnored = {
    "rope_scaling_ignored",
    "ignores the scaling of rotary frequencies that the file asks for (llama3's or Phi-3's factors, linear or YaRN)",
    "Honour rope.scaling.* and divide the frequencies by the tensor rope_freqs.weight where the file has one, of phi3 "
    "by "
    "rope_factors_short.weight, or _long where the context passes the original one (--ctx says its length).",
    "ggml-org/llama.cpp#8676 lablup/mlxcel#1355 sbryngelson/ANEForge#58 trholding/llama2.c#14 "
    "felafax/felafax#59",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

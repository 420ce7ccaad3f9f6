// Single faults put into a whole model: one mistake with its parameters, in every step of a group. Engines are mostly
// wrong in all layers alike, else in one kind of step, in one layer, or in a single step.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/fault.h"

namespace assay::diagnose {

/// Where a fault is put. From the likely and few to the many.
enum class Scope { everywhere, kind, layer, step };
inline constexpr std::array kScopes = {Scope::everywhere, Scope::kind, Scope::layer, Scope::step};
std::string_view text(Scope scope);  ///< "in all layers", "in one kind of step", ...

/// One fault with its parameters in every step of a group.
struct Planted {
  const Fault* fault = nullptr;
  std::string name;  ///< of fault and parameters, the same in every layer
  std::vector<Parameter> parameters;
  std::map<std::size_t, Hypothesis> steps;
};

/// All mistakes that can be put into a model, group by group.
class Planter {
 public:
  /// The site is any of the model's; its values are read at every step.
  explicit Planter(const Site& any);

  /// What was planted before, in a wider scope with the same steps, is left out. Those that begin in late steps, which
  /// are cheaper to run, come first.
  std::vector<Planted> plant(Scope scope);

 private:
  struct Proposal {
    std::size_t step = 0;
    const Fault* fault = nullptr;
    Hypothesis hypothesis;
    std::string name;                 ///< as Planted's
    std::vector<Parameter> relative;  ///< parameters without the number of the layer
  };

  const model::Plan& plan_;
  std::vector<Proposal> proposals_;
  std::set<std::string> planted_;
};

}  // namespace assay::diagnose

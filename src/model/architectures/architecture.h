// An architecture turns hyper-parameters and tensors into a plan. One file a family in this folder, and one line
// each in list.inc.
#pragma once

#include <span>
#include <string_view>

#include "model/hyper_parameters.h"
#include "model/plan_builder.h"

namespace assay::model {

struct Architecture {
  std::string_view name;  ///< general.architecture
  /// Adds all steps; the last one gives the logits. Throws Error{unsupported} for variants it does not know.
  void (*build)(const HyperParameters& hyper_parameters, PlanBuilder& builder);
  OwnKeys keys = {};  ///< for read_hyper_parameters
};

#define ASSAY_ARCHITECTURE(constant) extern const Architecture constant;
#include "model/architectures/list.inc"
#undef ASSAY_ARCHITECTURE

/// By name.
std::span<const Architecture* const> all_architectures();

/// Null when there is none.
const Architecture* find_architecture(std::string_view name);

}  // namespace assay::model

// The list of architectures.
#include <algorithm>
#include <array>

#include "model/architectures/architecture.h"

namespace assay::model {
namespace {

#define ASSAY_ARCHITECTURE(constant) &(constant),
constexpr std::array kAll = {
#include "model/architectures/list.inc"
};
#undef ASSAY_ARCHITECTURE

}  // namespace

std::span<const Architecture* const> all_architectures() { return kAll; }

const Architecture* find_architecture(std::string_view name) {
  const auto found = std::find_if(kAll.begin(), kAll.end(), [&](const Architecture* a) { return a->name == name; });
  return found == kAll.end() ? nullptr : *found;
}

}  // namespace assay::model

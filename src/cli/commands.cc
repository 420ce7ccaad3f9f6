#include "cli/command.h"

namespace assay::cli {

extern const Command kInspect, kTokenize, kPull;

std::span<const Command* const> commands() {
  static constexpr const Command* kCommands[] = {&kInspect, &kTokenize, &kPull};
  return kCommands;
}

}  // namespace assay::cli

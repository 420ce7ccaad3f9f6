#include "cli/command.h"

namespace assay::cli {

extern const Command kRun, kChat, kInspect, kTokenize, kTrace, kCompare, kPerplexity, kProbe, kDiagnose, kConvert,
    kQuantize, kImatrix, kBench, kPull;

std::span<const Command* const> commands() {
  static constexpr const Command* kCommands[] = {&kRun,      &kChat,       &kInspect, &kTokenize, &kTrace,
                                                 &kCompare,  &kPerplexity, &kProbe,   &kDiagnose, &kConvert,
                                                 &kQuantize, &kImatrix,    &kBench,   &kPull};
  return kCommands;
}

}  // namespace assay::cli

#include <cstdlib>

#include "base/math.h"
#include "diagnose/faults/angles.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/rotate.h"
#include "diagnose/faults/solve.h"

namespace assay::diagnose {
namespace {

constexpr int kFurthest = 256;

/// The offset that the given angles say.
int solve(const Site& site) {
  const auto& frequencies = site.operation<model::Rope>()->frequencies;
  const auto pairs = Angles(site).turned_back(frequencies);
  int best = 0;
  double most = 0;
  for (int offset = -kFurthest; offset <= kFurthest; ++offset) {
    double agreement = 0;
    for (std::size_t pair = 0; pair < pairs.size(); ++pair) {
      const double angle = offset * frequencies[pair];
      agreement += pairs[pair].cosine * portable_cos(angle) + pairs[pair].sine * portable_sin(angle);
    }
    if (agreement > most || offset == -kFurthest) {
      best = offset;
      most = agreement;
    }
  }
  return best;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (site.operation<model::Rope>() == nullptr) return;
  std::vector<int> offsets = {1, -1};
  if (site.given != nullptr) offsets = {solve(site)};
  for (const int offset : offsets) {
    const std::string text = (offset > 0 ? "+" : "") + std::to_string(offset);
    const auto position = [offset](const Passage& passage, std::size_t row) {
      return static_cast<double>(passage.positions[row]) + offset;
    };
    propose_positions(site, {{"offset", text}}, position, hypotheses);
  }
}

}  // namespace

const Fault kPositionOffset = {"position_offset",
                               "gives every token a position that is off by a constant",
                               "Count positions from 0 at the first token of the sequence, BOS included.",
                               "fla-org/flash-linear-attention#766 jundot/omlx#2363 JunSuzukiJapan/rustorch",
                               FaultClass::mistake,
                               propose};

}  // namespace assay::diagnose

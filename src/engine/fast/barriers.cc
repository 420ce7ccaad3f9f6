#include "engine/fast/barriers.h"

#include <algorithm>

namespace assay::engine::fast {

bool collide(const Access& a, const Access& b) {
  if (a.region != b.region || (!a.writes && !b.writes)) return false;
  return a.partition.kind == Partition::Kind::any || a.partition != b.partition;
}

std::vector<std::uint8_t> place_barriers(std::span<const Step* const> steps, Mode mode) {
  std::vector<std::uint8_t> barriers;
  std::vector<Access> recent;  // since the last barrier
  std::vector<Access> accesses;
  for (const Step* step : steps) {
    accesses.clear();
    step->append_accesses(mode, accesses);
    const bool waits = std::any_of(accesses.begin(), accesses.end(), [&](const Access& access) {
      return std::any_of(recent.begin(), recent.end(), [&](const Access& other) { return collide(access, other); });
    });
    if (waits) recent.clear();
    recent.insert(recent.end(), accesses.begin(), accesses.end());
    barriers.push_back(waits ? 1 : 0);
  }
  return barriers;
}

}  // namespace assay::engine::fast

#include "engine/fast/observation.h"

#include <algorithm>
#include <utility>

#include "engine/fast/barriers.h"

namespace assay::engine::fast {
namespace {

class Placer {
 public:
  Placer(std::span<const ProgramStep> steps, Mode mode) : steps_(steps), mode_(mode) {}

  Showing before(const std::vector<Access>& accesses) {
    Showing showing;
    const bool overwrites = std::any_of(accesses.begin(), accesses.end(), [&](const Access& access) {
      return access.writes && std::any_of(pending_.begin(), pending_.end(), [&](std::uint32_t step) {
               return steps_[step].place.region == access.region;
             });
    });
    showing.barrier_before = collides(accesses);
    if (showing.barrier_before || overwrites) show_pending(showing);
    showing.barrier_after = !showing.steps.empty() && collides(accesses);
    if (showing.barrier_after) recent_.clear();
    recent_.insert(recent_.end(), accesses.begin(), accesses.end());
    return showing;
  }

  Showing at_end() {
    Showing showing;
    show_pending(showing);
    return showing;
  }

  void add_pending(std::uint32_t step) { pending_.push_back(step); }

 private:
  bool collides(const std::vector<Access>& accesses) const {
    return std::any_of(accesses.begin(), accesses.end(), [&](const Access& access) {
      return std::any_of(recent_.begin(), recent_.end(), [&](const Access& other) { return collide(access, other); });
    });
  }

  void show_pending(Showing& showing) {
    std::vector<Access> reads;
    for (const std::uint32_t step : pending_) {
      reads.push_back({steps_[step].place.region, by_anything(steps_[step].place, mode_), false});
    }
    showing.barrier_before = showing.barrier_before || collides(reads);
    if (showing.barrier_before) recent_.clear();
    recent_.insert(recent_.end(), reads.begin(), reads.end());
    showing.steps = std::exchange(pending_, {});
  }

  std::span<const ProgramStep> steps_;
  Mode mode_;
  std::vector<Access> recent_;          // since the last barrier
  std::vector<std::uint32_t> pending_;  // computed, wanted, and not shown yet
};

}  // namespace

std::vector<Showing> place_showings(std::span<const ProgramStep> steps, const std::vector<bool>& wanted, Mode mode) {
  std::vector<Showing> showings;
  Placer placer(steps, mode);
  std::vector<Access> accesses;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    accesses.clear();
    steps[i].step->append_accesses(mode, accesses);
    showings.push_back(placer.before(accesses));
    if (wanted[i]) placer.add_pending(static_cast<std::uint32_t>(i));
  }
  showings.push_back(placer.at_end());
  return showings;
}

}  // namespace assay::engine::fast

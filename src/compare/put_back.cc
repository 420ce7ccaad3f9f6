#include "compare/put_back.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace assay::compare {
namespace {

using Weights = std::vector<model::WeightId>;

std::size_t index(model::WeightId id) { return static_cast<std::size_t>(id); }

/// "blk.3.attn_v.weight": "attn_v"; a bias keeps its ending.
std::string kind_of(std::string_view tensor) {
  constexpr std::string_view kEnding = ".weight";
  if (layer_of(tensor) >= 0) tensor.remove_prefix(tensor.find('.', tensor.find('.') + 1) + 1);
  if (tensor.size() > kEnding.size() && tensor.substr(tensor.size() - kEnding.size()) == kEnding) {
    tensor.remove_suffix(kEnding.size());
  }
  return std::string(tensor);
}

class Search {
 public:
  Search(const PlanPair& pair, const PutBackRequest& request) : pair_(pair), request_(request) {
    for (std::size_t i = 0; i < pair.tensors().size(); ++i) {
      const PairedTensor& tensor = pair.tensors()[i];
      if (!tensor.differs) continue;
      const auto weight = static_cast<model::WeightId>(i);
      differing_.push_back(weight);
      kinds_[kind_of(tensor.candidate->name)].push_back(weight);
      const int layer = layer_of(tensor.candidate->name);
      if (layer >= 0) layers_[layer].push_back(weight);
    }
    total_ = layers_.size() + kinds_.size() + std::min(differing_.size(), request.single_tensors);
    for (std::size_t count = next_count(1); count != 0; count = next_count(count)) ++total_;
  }

  std::vector<PutBack> run() {
    std::vector<Weights> groups;
    for (const auto& [layer, weights] : layers_) groups.push_back(weights);
    for (const auto& [kind, weights] : kinds_) groups.push_back(weights);
    score_all(groups);
    std::vector<PutBack> layers;
    for (const auto& [layer, weights] : layers_) add(layers, GroupKind::layer, fmt::format("blk.{}", layer), weights);
    std::vector<PutBack> kinds;
    for (const auto& [kind, weights] : kinds_) add(kinds, GroupKind::kind, kind, weights);
    std::vector<PutBack> found = single_tensors();
    std::vector<PutBack> together = worst_together(found);
    sort(layers);
    sort(kinds);
    for (std::vector<PutBack>* more : {&together, &kinds, &layers}) {
      std::move(more->begin(), more->end(), std::back_inserter(found));
    }
    return found;
  }

 private:
  /// Runs those that are not known yet, several at a time.
  void score_all(std::vector<Weights> groups) {
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    groups.erase(std::remove_if(groups.begin(), groups.end(),
                                [&](const Weights& weights) { return scores_.count(weights) > 0; }),
                 groups.end());
    for (std::size_t begin = 0; begin < groups.size(); begin += kPlansAtOnce) {
      const std::size_t end = std::min(begin + kPlansAtOnce, groups.size());
      std::vector<model::Plan> plans;
      for (std::size_t i = begin; i < end; ++i) plans.push_back(pair_.put_back(groups[i]));
      const std::vector<double> scores = request_.score(plans);
      for (std::size_t i = begin; i < end; ++i) scores_[groups[i]] = scores[i - begin];
      runs_ += plans.size();
      if (request_.on_run) request_.on_run(runs_, std::max(total_, runs_));
    }
  }

  double score(const Weights& weights) {
    score_all({weights});
    return scores_.at(weights);
  }

  bool is_enough(double score) const { return request_.is_enough && request_.is_enough(score); }

  /// Of the way from the candidate to the reference.
  double share(double scored) const {
    const double way = request_.reference_score - request_.candidate_score;
    return way > 0 ? (scored - request_.candidate_score) / way : 0;
  }

  /// Runs it; groups of one are left to single_tensors().
  void add(std::vector<PutBack>& groups, GroupKind kind, const std::string& name, const Weights& weights) {
    const double scored = score(weights);
    if (weights.size() > 1) groups.push_back({kind, name, weights, share(scored), scored});
  }

  std::vector<PutBack> single_tensors() {
    std::vector<PutBack> expected;
    for (const model::WeightId weight : differing_) {
      const std::string_view name = pair_.tensors()[index(weight)].candidate->name;
      const int layer = layer_of(name);
      double estimate = std::max(0.0, share(score(kinds_.at(kind_of(name)))));
      if (layer >= 0) estimate *= std::max(0.0, share(score(layers_.at(layer))));
      expected.push_back({GroupKind::tensor, std::string(name), {weight}, estimate, 0});
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const PutBack& a, const PutBack& b) { return a.estimate > b.estimate; });
    std::vector<PutBack> chosen;
    for (PutBack& tensor : expected) {
      const bool is_known = scores_.count(tensor.weights) > 0;
      if (chosen.size() >= request_.single_tensors && !is_known) {
        others_.push_back(std::move(tensor));
        continue;
      }
      chosen.push_back(std::move(tensor));
    }
    std::vector<Weights> groups;
    groups.reserve(chosen.size());
    for (const PutBack& tensor : chosen) groups.push_back(tensor.weights);
    score_all(groups);
    for (PutBack& tensor : chosen) tensor.score = score(tensor.weights);
    sort(chosen);
    return chosen;
  }

  /// How many are put back together after so many; 0: all were.
  std::size_t next_count(std::size_t count) const {
    if (count >= differing_.size()) return 0;
    return std::min(count < request_.together ? count + 1 : 2 * count, differing_.size());
  }

  /// `worst` is sorted.
  std::vector<PutBack> worst_together(std::vector<PutBack> worst) {
    std::vector<PutBack> steps;
    if (worst.empty() || is_enough(worst.front().score)) return steps;
    std::move(others_.begin(), others_.end(), std::back_inserter(worst));
    std::vector<Weights> groups;
    PutBack step{GroupKind::together, "", {}, 0, 0};
    for (std::size_t count = next_count(1); count != 0; count = next_count(count)) {
      for (std::size_t i = step.weights.size(); i < count; ++i) {
        step.weights.push_back(worst[i].weights.front());
        step.estimate += worst[i].estimate;
      }
      step.name = fmt::format("{} worst", count);
      steps.push_back(step);
      groups.push_back(step.weights);
      std::sort(groups.back().begin(), groups.back().end());
    }
    if (!request_.is_enough) score_all(groups);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i].score = score(groups[i]);
      if (!is_enough(steps[i].score)) continue;
      steps.resize(i + 1);
      break;
    }
    return steps;
  }

  static void sort(std::vector<PutBack>& groups) {
    std::stable_sort(groups.begin(), groups.end(),
                     [](const PutBack& a, const PutBack& b) { return a.score > b.score; });
  }

  const PlanPair& pair_;
  const PutBackRequest& request_;
  Weights differing_;
  std::map<std::string, Weights> kinds_;
  std::map<int, Weights> layers_;
  std::map<Weights, double> scores_;
  std::vector<PutBack> others_;  // single tensors that were not run, by estimate
  std::size_t runs_ = 0;
  std::size_t total_ = 0;
};

}  // namespace

std::vector<PutBack> put_back_groups(const PlanPair& pair, const PutBackRequest& request) {
  return Search(pair, request).run();
}

std::vector<std::string> tensor_names(const PlanPair& pair, const std::vector<model::WeightId>& weights) {
  std::vector<std::string> names;
  names.reserve(weights.size());
  for (const model::WeightId weight : weights) names.emplace_back(pair.tensors()[index(weight)].candidate->name);
  return names;
}

}  // namespace assay::compare

#include "compare/growth.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "compare/plan_pair.h"
#include "compare/statistics.h"

namespace assay::compare {
namespace {

constexpr double kMassive = 100;
constexpr double kMassiveTimesMedian = 1000;

/// Of those that are numbers: NaN has no place in an order.
double median(std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double value) { return std::isnan(value); }),
               values.end());
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

double rms(const engine::Rows& rows, std::size_t row) {
  double squares = 0;
  for (std::size_t channel = 0; channel < rows.width; ++channel) {
    squares += rows.at(row, channel) * rows.at(row, channel);
  }
  return std::sqrt(squares / static_cast<double>(rows.width));
}

double quotient(double last, double first) { return first > 0 ? last / first : 0; }

}  // namespace

GrowthMeter::GrowthMeter(const model::Plan& plan) : plan_(plan), layer_of_value_(plan.values.size(), -1) {
  for (std::size_t value = 0; value < plan.values.size(); ++value) {
    const model::Value& named = plan.values[value];
    const int layer = layer_of(named.tap);
    if (layer < 0 || named.tap != fmt::format("blk.{}.out", layer)) continue;
    layer_of_value_[value] = static_cast<int>(layers_.size());
    layers_.emplace_back();
    layers_.back().value = value;
    layers_.back().largest.resize(named.width);
  }
}

void GrowthMeter::add(std::size_t value, std::size_t position, const engine::Rows& reference,
                      const engine::Rows& candidate) {
  if (layer_of_value_[value] < 0) return;
  Layer& layer = layers_[static_cast<std::size_t>(layer_of_value_[value])];
  std::vector<double> magnitudes(reference.width);
  for (std::size_t row = 0; row < reference.count; ++row) {
    for (std::size_t channel = 0; channel < reference.width; ++channel) {
      const double magnitude = std::abs(reference.at(row, channel));
      magnitudes[channel] = magnitude;
      Largest& largest = layer.largest[channel];
      if (magnitude <= std::abs(largest.reference)) continue;
      largest = {reference.at(row, channel), candidate.at(row, channel), position + row};
    }
    layer.medians.push_back(median(magnitudes));
    layer.reference_rms.push_back(rms(reference, row));
    layer.candidate_rms.push_back(rms(candidate, row));
  }
}

std::vector<MassiveChannel> GrowthMeter::massive_channels() const {
  std::map<std::size_t, MassiveChannel> found;
  for (const Layer& layer : layers_) {
    const double middle = median(layer.medians);
    const std::string& tap = plan_.values[layer.value].tap;
    for (std::size_t channel = 0; channel < layer.largest.size(); ++channel) {
      const Largest& largest = layer.largest[channel];
      const double magnitude = std::abs(largest.reference);
      if (magnitude <= kMassive || magnitude <= kMassiveTimesMedian * middle) continue;
      MassiveChannel& massive = found[channel];
      if (massive.first_tap.empty()) massive.first_tap = tap;
      massive.last_tap = tap;
      if (magnitude <= std::abs(massive.value)) continue;
      massive.tap = tap;
      massive.channel = static_cast<int>(channel);
      massive.position = static_cast<std::uint32_t>(largest.position);
      massive.value = largest.reference;
      massive.candidate = largest.candidate;
      massive.median = middle;
    }
  }
  std::vector<MassiveChannel> sorted;
  sorted.reserve(found.size());
  for (auto& [channel, massive] : found) sorted.push_back(std::move(massive));
  std::stable_sort(sorted.begin(), sorted.end(), [](const MassiveChannel& a, const MassiveChannel& b) {
    return std::abs(a.value) > std::abs(b.value);
  });
  return sorted;
}

Growth GrowthMeter::finish() const {
  Growth growth;
  if (layers_.empty()) return growth;
  const Layer& first = layers_.front();
  const Layer& last = layers_.back();
  growth.reference = quotient(median(last.reference_rms), median(first.reference_rms));
  growth.candidate = quotient(median(last.candidate_rms), median(first.candidate_rms));
  growth.massive_channels = massive_channels();
  return growth;
}

}  // namespace assay::compare

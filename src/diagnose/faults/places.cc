#include "diagnose/faults/places.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace assay::diagnose {
namespace {

constexpr std::string_view kBlock = "blk.";

struct Tap {
  std::optional<int> block;
  std::string_view name;
};

Tap parse(std::string_view tap) {
  if (tap.substr(0, kBlock.size()) != kBlock) return {std::nullopt, tap};
  int block = 0;
  const char* end = tap.data() + tap.size();
  const auto [after, error] = std::from_chars(tap.data() + kBlock.size(), end, block);
  if (error != std::errc() || after == end || *after != '.') return {std::nullopt, tap};
  return {block, tap.substr(static_cast<std::size_t>(after + 1 - tap.data()))};
}

const model::Value& value_of(const Site& site, model::ValueId id) {
  return site.plan().values[static_cast<std::size_t>(id)];
}

/// Of the step; what stands behind the blocks is in the one after the last, what stands before them in -1.
int block_of(const Site& site) {
  if (const auto own = parse(site.tap()).block) return *own;
  for (model::ValueId id = site.step().output; id >= 0; --id) {
    if (const auto block = parse(value_of(site, id).tap).block) return *block + 1;
  }
  return -1;
}

/// What goes into the first block.
model::ValueId stream(const Site& site) {
  const auto& values = site.plan().values;
  const auto first =
      std::find_if(values.begin(), values.end(), [](const model::Value& v) { return parse(v.tap).block.has_value(); });
  return static_cast<model::ValueId>(first - values.begin()) - 1;
}

}  // namespace

std::string text(const Place& place) {
  if (!place.inside || place.back == 0) return place.name;
  if (place.back == 1) return place.name + " of the block before";
  if (place.back == -1) return place.name + " of the block after";
  return place.name + " of " + std::to_string(place.back) + " blocks before";
}

Place place_of(const Site& site, model::ValueId value) {
  const Tap tap = parse(value_of(site, value).tap);
  if (!tap.block) return {std::string(tap.name), 0, false};
  return {std::string(tap.name), block_of(site) - *tap.block, true};
}

model::ValueId find(const Site& here, const Place& place) {
  if (!place.inside) return here.find(place.name);
  const int block = block_of(here) - place.back;
  if (block == -1 && place.name == "out") return stream(here);
  return here.find(std::string(kBlock) + std::to_string(block) + "." + place.name);
}

std::vector<Place> alternatives(const Site& site, std::size_t input) {
  const auto& inputs = site.step().inputs;
  const std::size_t width = value_of(site, inputs[input]).width;
  const int block = block_of(site);
  std::vector<Place> places;
  for (model::ValueId id = site.step().output - 1; id >= 0; --id) {
    const model::Value& value = value_of(site, id);
    const auto of = parse(value.tap).block;
    const bool near = of ? *of >= block - 1 : block <= 1;
    if (!near || value.width != width || std::find(inputs.begin(), inputs.end(), id) != inputs.end()) continue;
    places.push_back(place_of(site, id));
  }
  Place earlier = place_of(site, inputs[input]);
  ++earlier.back;
  if (earlier.inside && find(site, earlier) >= 0 && std::find(places.begin(), places.end(), earlier) == places.end()) {
    places.push_back(earlier);
  }
  return places;
}

}  // namespace assay::diagnose

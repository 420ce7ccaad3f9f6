#include "diagnose/faults/places.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "diagnose/faults/layer_name.h"

namespace assay::diagnose {
namespace {

std::optional<int> block_of(std::string_view tap) {
  const auto name = parse_layer_name(tap);
  return name ? std::optional<int>(static_cast<int>(name->layer)) : std::nullopt;
}

const model::Value& value_of(const Site& site, model::ValueId id) {
  return site.plan().values[static_cast<std::size_t>(id)];
}

/// Of the step; what stands behind the blocks is in the one after the last, what stands before them in -1.
int block_of(const Site& site) {
  if (const auto own = block_of(site.tap())) return *own;
  for (model::ValueId id = site.step().output; id >= 0; --id) {
    if (const auto block = block_of(value_of(site, id).tap)) return *block + 1;
  }
  return -1;
}

/// What goes into the first block.
model::ValueId stream(const Site& site) {
  const auto& values = site.plan().values;
  const auto first =
      std::find_if(values.begin(), values.end(), [](const model::Value& v) { return block_of(v.tap).has_value(); });
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
  const std::string& tap = value_of(site, value).tap;
  const auto name = parse_layer_name(tap);
  if (!name) return {tap, 0, false};
  return {std::string(name->part), block_of(site) - static_cast<int>(name->layer), true};
}

model::ValueId find(const Site& here, const Place& place) {
  if (!place.inside) return here.find(place.name);
  const int block = block_of(here) - place.back;
  if (block == -1 && place.name == "out") return stream(here);
  return block < 0 ? -1 : here.find(LayerName{static_cast<std::size_t>(block), place.name}.text());
}

std::vector<Place> alternatives(const Site& site, std::size_t input) {
  const auto& inputs = site.step().inputs;
  const std::size_t width = value_of(site, inputs[input]).width;
  const int block = block_of(site);
  std::vector<Place> places;
  for (model::ValueId id = site.step().output - 1; id >= 0; --id) {
    const model::Value& value = value_of(site, id);
    const auto of = block_of(value.tap);
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

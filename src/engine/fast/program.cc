#include "engine/fast/program.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <map>
#include <tuple>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/fast/barriers.h"
#include "engine/fast/steps.h"

namespace assay::engine::fast {
namespace {

/// Shares of channels: a cache line's worth of floats, and what the products like to have.
constexpr std::size_t kGrain = 32;
constexpr std::size_t kCacheLine = 64;
/// A region rests for so many steps before it is used again: a barrier that stands for another reason is then likely to
/// have passed.
constexpr std::size_t kRest = 12;

using PlaceId = int;

/// A step whose places have no regions yet.
struct Draft {
  std::vector<PlaceId> inputs;
  PlaceId output = -1;  ///< -1: it writes the cache
  model::ValueId value = -1;
  RowSet row_set = RowSet::all;
  bool in_place = false;  ///< may write over its first input
  std::function<std::unique_ptr<Step>(const std::vector<Place>&)> make;
};

std::size_t index(model::ValueId value) { return static_cast<std::size_t>(value); }

std::vector<float> decode_vector(const gguf::Tensor& tensor) {
  std::vector<float> values(tensor.values());
  tensor.type->decode(tensor.data.data(), values.size() / tensor.type->block_values, values.data());
  return values;
}

/// The multiples in which threads share the channels of each value. Steps that only pass channels on ask for the same
/// multiple before and after, so that no barrier is needed between them.
std::vector<std::size_t> choose_grains(const model::Plan& plan) {
  std::vector<std::size_t> grains(plan.values.size(), kGrain);
  const auto keeps_heads_whole = [&](model::ValueId value) {
    const auto writer =
        std::find_if(plan.steps.begin(), plan.steps.end(), [&](const auto& s) { return s.output == value; });
    const auto* rope = std::get_if<model::Rope>(&writer->operation);
    return rope != nullptr && rope->pairing == model::RopePairing::halves;
  };
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    const auto& inputs = step->inputs;
    std::size_t& out = grains[index(step->output)];
    if (const auto* rope = std::get_if<model::Rope>(&step->operation)) {
      if (rope->pairing == model::RopePairing::halves) out = rope->head_width;
      grains[index(inputs[0])] = out;
    } else if (const auto* attention = std::get_if<model::Attention>(&step->operation)) {
      const std::size_t grain = keeps_heads_whole(inputs[1]) ? attention->head_width : kGrain;
      grains[index(inputs[1])] = grains[index(inputs[2])] = grain;
    } else if (std::holds_alternative<model::Add>(step->operation) ||
               std::holds_alternative<model::GatedActivation>(step->operation) ||
               std::holds_alternative<model::Scale>(step->operation) ||
               std::holds_alternative<model::PositionScale>(step->operation) ||
               std::holds_alternative<model::SoftCap>(step->operation)) {
      for (const model::ValueId input : inputs) grains[index(input)] = out;
    }
  }
  return grains;
}

class Drafter {
 public:
  Drafter(const model::Plan& plan, const Kernels& kernels)
      : plan_(plan), kernels_(kernels), grains_(choose_grains(plan)), value_places_(plan.values.size(), -1) {
    for (const model::Step& step : plan.steps) {
      step_ = &step;
      row_set_ = step.only_outputs || step.output == plan.logits ? RowSet::outputs : RowSet::all;
      std::visit([&](const auto& operation) { add(operation); }, step.operation);
    }
    allocate();
  }

  const std::vector<Draft>& drafts() const { return drafts_; }
  const std::vector<Place>& places() const { return places_; }
  const std::vector<std::size_t>& region_row_bytes() const { return region_row_bytes_; }

 private:
  void add(const model::Embed& embed) {
    const PlaceId out = make_output(true);
    add_draft({}, out, [&table = weight(embed.table), out](const auto& p) { return make_embed(table, p[out]); });
  }

  void add(const model::RmsNorm& norm) {
    const PlaceId in = input(0);
    const PlaceId out = make_output(true);
    add_draft({in}, out,
              [&k = kernels_, w = decode_vector(weight(norm.weight)), epsilon = norm.epsilon, in, out](const auto& p) {
                return make_rms_norm(k, w, epsilon, p[in], p[out]);
              });
  }

  void add(const model::LayerNorm& norm) {
    const PlaceId in = input(0);
    const PlaceId out = make_output(true);
    std::vector<float> bias;
    if (norm.bias != model::kNoWeight) bias = decode_vector(weight(norm.bias));
    add_draft({in}, out,
              [&k = kernels_, w = decode_vector(weight(norm.weight)), bias, epsilon = norm.epsilon, in,
               out](const auto& p) { return make_layer_norm(k, w, bias, epsilon, p[in], p[out]); });
  }

  void add(const model::Linear& linear) {
    const gguf::Tensor& w = weight(linear.weight);
    const PlaceId in = multiplied(w);
    const PlaceId out = make_output(false);
    std::vector<float> bias;
    if (linear.bias != model::kNoWeight) bias = decode_vector(weight(linear.bias));
    add_draft({in}, out, [&k = kernels_, &w, bias, in, out, grain = grain()](const auto& p) {
      return make_linear(k, w, bias, p[in], p[out], grain);
    });
  }

  void add(const model::Rope& rope) {
    const PlaceId table = rope_table(rope);
    const PlaceId in = input(0);
    const PlaceId out = make_output(false);
    add_draft(
        {in, table}, out,
        [&k = kernels_, &rope, table, in, out, grain = grain()](const auto& p) {
          return make_rope(k, rope, p[table], p[in], p[out], grain);
        },
        true);
  }

  void add(const model::PositionScale& scale) {
    assert(row_set_ == RowSet::all);
    add_unary(make_position_scale, scale);
  }

  void add(const model::Attention& attention) {
    assert(row_set_ == RowSet::all);
    const PlaceId q = input(0);
    const PlaceId k = input(1);
    const PlaceId v = input(2);
    const auto layer = static_cast<int>(attention.layer);
    const std::size_t store_grain = grains_[index(step_->inputs[1])];
    const PlaceId out = make_output(false);
    drafts_.push_back({{k, v}, -1, -1, row_set_, false, [=, this, &attention](const auto& p) {
                         return make_store(kernels_, attention, p[k], p[v], cache_region(layer), store_grain);
                       }});
    std::vector<float> sinks;
    if (attention.sinks != model::kNoWeight) sinks = decode_vector(weight(attention.sinks));
    add_draft({q}, out, [=, this, &attention](const auto& p) {
      return make_attend(kernels_, attention, sinks, p[q], p[out], cache_region(layer));
    });
  }

  void add(const model::GatedActivation& gated) {
    const PlaceId gate = input(0);
    if (step_->inputs.size() == 1) {
      const PlaceId alone = make_output(false);
      return add_draft({gate}, alone,
                       [&k = kernels_, f = gated.activation, gate, alone, grain = grain()](const auto& p) {
                         return make_activation(k, f, p[gate], p[alone], grain);
                       });
    }
    const PlaceId up = input(1);
    const PlaceId out = make_output(false);
    add_draft({gate, up}, out, [&k = kernels_, f = gated.activation, gate, up, out, grain = grain()](const auto& p) {
      return make_gated(k, f, p[gate], p[up], p[out], grain);
    });
  }

  void add(const model::Add&) {
    const PlaceId a = input(0);
    const PlaceId b = input(1);
    const PlaceId out = make_output(false);
    add_draft({a, b}, out, [&k = kernels_, a, b, out, grain = grain()](const auto& p) {
      return make_add(k, p[a], p[b], p[out], grain);
    });
  }

  void add(const model::Softmax&) {
    const PlaceId in = input(0);
    const PlaceId out = make_output(true);
    add_draft({in}, out, [&k = kernels_, in, out](const auto& p) { return make_softmax(k, p[in], p[out]); });
  }

  void add(const model::AddBias& add) {
    add_row_step([&k = kernels_, bias = decode_vector(weight(add.bias))](const Place& in, const Place& out) {
      return make_add_bias(k, bias, in, out);
    });
  }

  void add(const model::Concat& concat) {
    std::vector<PlaceId> in;
    for (std::size_t i = 0; i < concat.parts.size(); ++i) in.push_back(input(i));
    const PlaceId out = make_output(true);
    add_draft(in, out, [&concat, in, out](const auto& p) {
      std::vector<Place> places;
      for (const PlaceId id : in) places.push_back(p[id]);
      return make_concat(concat, places, p[out]);
    });
  }

  void add(const model::Sigmoid&) { add_row_step(make_sigmoid); }

  void add(const model::TopK& top) {
    add_row_step([&top](const Place& in, const Place& out) { return make_top_k(top, in, out); });
  }
  void add(const model::Normalize&) { add_row_step(make_normalize); }

  void add(const model::Pick&) {
    const PlaceId in = input(0);
    const PlaceId indices = input(1);
    const PlaceId out = make_output(true);
    add_draft({in, indices}, out, [=](const auto& p) { return make_pick(p[in], p[indices], p[out]); });
  }

  void add(const model::ExpertLinear& linear) {
    const gguf::Tensor& w = weight(linear.weight);
    const PlaceId in = multiplied(w);
    std::vector<PlaceId> inputs = {in};
    if (step_->inputs.size() > 1) inputs.push_back(input(1));
    const PlaceId out = make_output(false);
    std::vector<float> biases;
    if (linear.bias != model::kNoWeight) biases = decode_vector(weight(linear.bias));
    add_draft(inputs, out, [&k = kernels_, &linear, &w, biases, inputs, out, grain = grain()](const auto& p) {
      const Place* chosen = inputs.size() > 1 ? &p[inputs[1]] : nullptr;
      return make_expert_linear(k, linear, w, biases, p[inputs[0]], chosen, p[out], grain);
    });
  }

  void add(const model::WeightedSum&) {
    const PlaceId x = input(0);
    const PlaceId weights = input(1);
    const PlaceId out = make_output(false);
    add_draft({x, weights}, out,
              [=, grain = grain()](const auto& p) { return make_weighted_sum(p[x], p[weights], p[out], grain); });
  }

  void add(const model::SigmoidGate&) {
    const PlaceId score = input(0);
    const PlaceId x = input(1);
    const PlaceId out = make_output(false);
    add_draft({score, x}, out, [&k = kernels_, score, x, out, grain = grain()](const auto& p) {
      return make_sigmoid_gate(k, p[score], p[x], p[out], grain);
    });
  }

  template <typename Make>
  void add_row_step(Make make) {
    const PlaceId in = input(0);
    const PlaceId out = make_output(true);
    add_draft({in}, out, [=](const auto& p) { return make(p[in], p[out]); });
  }

  void add(const model::Scale& scale) { add_unary(make_scale, scale.factor); }
  void add(const model::SoftCap& cap) { add_unary(make_soft_cap, cap.cap); }

  template <typename Make, typename Parameter>
  void add_unary(Make make, const Parameter& parameter) {
    const PlaceId in = input(0);
    const PlaceId out = make_output(false);
    add_draft(
        {in}, out,
        [&k = kernels_, make, parameter, in, out, grain = grain()](const auto& p) {
          return make(k, parameter, p[in], p[out], grain);
        },
        true);
  }

  template <typename Make>
  void add_draft(std::vector<PlaceId> inputs, PlaceId output, Make make, bool in_place = false) {
    drafts_.push_back({std::move(inputs), output, step_->output, row_set_, in_place, std::move(make)});
  }

  /// A step that stands for no value of the plan.
  template <typename Make>
  PlaceId add_helper(std::vector<PlaceId> inputs, PlaceId output, Make make) {
    drafts_.push_back({std::move(inputs), output, -1, row_set(output), false, std::move(make)});
    return output;
  }

  const gguf::Tensor& weight(model::WeightId id) const { return *plan_.weights[static_cast<std::size_t>(id)]; }
  std::size_t grain() const { return grains_[index(step_->output)]; }
  RowSet row_set(PlaceId place) const { return places_[static_cast<std::size_t>(place)].row_set; }
  std::size_t width(PlaceId place) const { return places_[static_cast<std::size_t>(place)].width; }
  int cache_region(int layer) const { return static_cast<int>(region_row_bytes_.size()) + layer; }

  PlaceId make_place(RowSet rows, std::size_t channels, std::size_t block_values, bool row_wise) {
    const std::size_t bytes =
        block_values == 0 ? channels * sizeof(float) : kernels::QuantizedRows::row_bytes(channels, block_values);
    const std::size_t row_bytes = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    places_.push_back({-1, rows, channels, block_values, row_bytes, row_wise});
    return static_cast<PlaceId>(places_.size() - 1);
  }

  PlaceId make_output(bool row_wise) {
    const PlaceId place = make_place(row_set_, plan_.values[index(step_->output)].width, 0, row_wise);
    value_places_[index(step_->output)] = place;
    return place;
  }

  /// The place of an input's rows that the step works on.
  PlaceId input(std::size_t number) {
    const PlaceId place = value_places_[index(step_->inputs[number])];
    assert(place >= 0);
    if (row_set(place) == row_set_) return place;
    assert(row_set_ == RowSet::outputs);
    PlaceId& gathered = gathered_.try_emplace(place, -1).first->second;
    if (gathered >= 0) return gathered;
    const PlaceId out = make_place(RowSet::outputs, width(place), 0, true);
    return gathered = add_helper({place}, out, [place, out](const auto& p) { return make_gather(p[place], p[out]); });
  }

  /// The first input in the form that products with the weight read.
  PlaceId multiplied(const gguf::Tensor& w) {
    if (w.type->id >= kernels::kMaxTypes || kernels_.product[w.type->id] == nullptr) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("tensor {} is {}, a type that the fast engine cannot multiply", w.name, w.type->name),
                  "run it with the oracle, or take the model in another quantization");
    }
    return w.type->is_quantized() ? quantized(input(0), w.type->block_values) : input(0);
  }

  PlaceId quantized(PlaceId place, std::size_t block_values) {
    PlaceId& made = quantized_.try_emplace({place, block_values}, -1).first->second;
    if (made >= 0) return made;
    const PlaceId out = make_place(row_set(place), width(place), block_values, true);
    return made = add_helper({place}, out,
                             [&k = kernels_, place, out](const auto& p) { return make_quantize(k, p[place], p[out]); });
  }

  PlaceId rope_table(const model::Rope& rope) {
    PlaceId& made = rope_tables_.try_emplace({rope.frequencies, rope.magnitude, row_set_}, -1).first->second;
    if (made >= 0) return made;
    const PlaceId out = make_place(row_set_, 2 * rope.frequencies.size(), 0, true);
    return made = add_helper({}, out, [&rope, out](const auto& p) {
             return make_rope_table(rope.frequencies, rope.magnitude, p[out]);
           });
  }

  /// Gives every place a region: one of the same row size that nobody reads any more and that has rested, or a new one.
  void allocate() {
    std::vector<std::size_t> last_use(places_.size(), 0);
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      for (const PlaceId input : drafts_[i].inputs) last_use[static_cast<std::size_t>(input)] = i;
    }
    struct Freed {
      int region;
      std::size_t at;
    };
    std::vector<Freed> freed;
    // Where the logits are made of one value of the same size, that is written in their place: with a large vocabulary
    // another region would cost more than all the others together.
    const Draft& last = drafts_.back();
    const bool is_over_input =
        last.in_place && last_use[static_cast<std::size_t>(last.inputs[0])] + 1 == drafts_.size();
    const PlaceId before_logits = is_over_input ? last.inputs[0] : -1;
    region_row_bytes_.push_back(0);  // kLogitsRegion: the engine's own
    for (std::size_t i = 0; i < drafts_.size(); ++i) {
      const Draft& draft = drafts_[i];
      const auto dies_here = [&](PlaceId input) { return last_use[static_cast<std::size_t>(input)] == i; };
      bool reused = false;
      if (draft.output >= 0) {
        Place& out = places_[static_cast<std::size_t>(draft.output)];
        if (draft.in_place) {
          const Place& in = places_[static_cast<std::size_t>(draft.inputs[0])];
          reused = dies_here(draft.inputs[0]) && !in.row_wise && in.row_set == out.row_set;
          if (reused) out.region = in.region;
        }
        if (draft.output == last.output || draft.output == before_logits) {
          out.region = kLogitsRegion;
        } else if (!reused) {
          const auto rested = std::find_if(freed.begin(), freed.end(), [&](const Freed& f) {
            return f.at + kRest <= i && region_row_bytes_[static_cast<std::size_t>(f.region)] == out.row_bytes;
          });
          if (rested != freed.end()) {
            out.region = rested->region;
            freed.erase(rested);
          } else {
            out.region = static_cast<int>(region_row_bytes_.size());
            region_row_bytes_.push_back(out.row_bytes);
          }
        }
      }
      for (std::size_t n = reused ? 1 : 0; n < draft.inputs.size(); ++n) {
        const PlaceId input = draft.inputs[n];
        const bool repeated = std::find(draft.inputs.begin(), draft.inputs.begin() + static_cast<std::ptrdiff_t>(n),
                                        input) != draft.inputs.begin() + static_cast<std::ptrdiff_t>(n);
        if (dies_here(input) && !repeated) freed.push_back({places_[static_cast<std::size_t>(input)].region, i});
      }
    }
  }

  const model::Plan& plan_;
  const Kernels& kernels_;
  std::vector<std::size_t> grains_;
  std::vector<PlaceId> value_places_;
  std::vector<Place> places_;
  std::vector<Draft> drafts_;
  std::vector<std::size_t> region_row_bytes_;
  std::map<PlaceId, PlaceId> gathered_;
  std::map<std::pair<PlaceId, std::size_t>, PlaceId> quantized_;
  std::map<std::tuple<std::vector<double>, double, RowSet>, PlaceId> rope_tables_;
  const model::Step* step_ = nullptr;
  RowSet row_set_ = RowSet::all;
};

}  // namespace

Program::Program(const model::Plan& plan, const kernels::Kernels& kernels) {
  const Drafter drafter(plan, kernels);
  region_row_bytes_ = drafter.region_row_bytes();
  std::vector<const Step*> steps;
  for (const Draft& draft : drafter.drafts()) {
    ProgramStep step;
    step.step = draft.make(drafter.places());
    step.row_set = draft.row_set;
    step.value = draft.value;
    if (draft.output >= 0) step.place = drafter.places()[static_cast<std::size_t>(draft.output)];
    scratch_bytes_ = std::max(scratch_bytes_, step.step->scratch_bytes());
    steps.push_back(step.step.get());
    steps_.push_back(std::move(step));
  }
  barriers_[0] = place_barriers(steps, {false, false});
  barriers_[1] = place_barriers(steps, {false, true});
  barriers_[2] = place_barriers(steps, {true, true});
}

}  // namespace assay::engine::fast

// Steps of a mixture of experts. In a prompt the tokens of an expert are multiplied together, so that its weights are
// unpacked once for many of them; a product has the same bits whichever tokens it is computed with.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/math.h"
#include "engine/experts.h"
#include "engine/fast/steps.h"

namespace assay::engine::fast {
namespace {

/// Row by row out = compute(inputs' rows).
template <std::size_t kInputs, typename Compute>
class RowWise final : public Step {
 public:
  RowWise(std::array<Place, kInputs> in, const Place& out, Compute compute) : in_(in), out_(out), compute_(compute) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = frame.my_rows(out_, team);
    std::array<const float*, kInputs> x;
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      for (std::size_t i = 0; i < kInputs; ++i) x[i] = frame.floats(in_[i], team) + row * in_[i].width;
      compute_(x, frame.floats(out_, team) + row * out_.width);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    for (const Place& in : in_) accesses.push_back({in.region, by_rows(in, mode), false});
    accesses.push_back({out_.region, by_rows(out_, mode), true});
  }

 private:
  std::array<Place, kInputs> in_;
  Place out_;
  Compute compute_;
};

template <std::size_t kInputs, typename Compute>
std::unique_ptr<Step> row_wise(std::array<Place, kInputs> in, const Place& out, Compute compute) {
  return std::make_unique<RowWise<kInputs, Compute>>(in, out, compute);
}

class ExpertLinear final : public Step {
 public:
  ExpertLinear(const Kernels& kernels, const model::ExpertLinear& linear, const gguf::Tensor& weight,
               std::vector<float> biases, const Place& x, const Place* chosen, const Place& out, std::size_t grain)
      : kernels_(kernels),
        product_(kernels.product[weight.type->id]),
        weight_(weight.data.data()),
        row_bytes_(weight.row_bytes()),
        inputs_(static_cast<std::size_t>(weight.row_values())),
        outputs_(linear.outputs),
        experts_(linear.experts),
        slots_(out.width / linear.outputs),
        biases_(std::move(biases)),
        x_(x),
        has_choice_(chosen != nullptr),
        chosen_(has_choice_ ? *chosen : Place()),
        out_(out),
        grain_(grain) {}

  void run(const Frame& frame, const Team& team) const override {
    const std::size_t rows = frame.rows(out_.row_set);
    const float* chosen = has_choice_ ? frame.floats(chosen_, team) : nullptr;
    if (rows == 1) return run_alone(frame, team, chosen);
    const Team::Range mine = team.share(outputs_, grain_);
    if (mine.begin == mine.end) return;
    std::array<std::size_t, kTokens> places;
    for (std::size_t expert = 0; expert < experts_; ++expert) {
      std::size_t count = 0;
      for (std::size_t place = 0; place < rows * slots_; ++place) {
        if (matrix(chosen, place) != static_cast<float>(expert)) continue;
        places[count++] = place;
        if (count < kTokens) continue;
        multiply(frame, team, expert, {places.data(), count}, mine);
        count = 0;
      }
      if (count > 0) multiply(frame, team, expert, {places.data(), count}, mine);
    }
    for (std::size_t place = 0; place < rows * slots_; ++place) {
      if (index_of(matrix(chosen, place), experts_) == experts_) spoil(frame, team, place, mine);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({x_.region, by_anything(x_, mode), false});
    if (has_choice_) accesses.push_back({chosen_.region, by_anything(chosen_, mode), false});
    // Of many tokens a thread takes a share of every expert's rows, which is no share of the channels.
    const Partition mine = mode.single(out_.row_set) ? by_channels(out_, grain_, mode) : Partition{};
    accesses.push_back({out_.region, mine, true});
  }

  std::size_t scratch_bytes() const override {
    return kTokens * (kRows * sizeof(float) + std::max(inputs_ * sizeof(float), quantized_bytes()));
  }

 private:
  /// Multiplied together at once, and the rows of the matrix meanwhile: what they read and write stays in the cache.
  static constexpr std::size_t kTokens = 64;
  static constexpr std::size_t kRows = 256;

  /// Of the place numbered row * slots + slot.
  float matrix(const float* chosen, std::size_t place) const {
    return chosen == nullptr ? static_cast<float>(place % slots_) : chosen[place];
  }
  std::size_t quantized_bytes() const {
    return x_.block_values == 0 ? 0 : kernels::QuantizedRows::row_bytes(inputs_, x_.block_values);
  }
  const std::byte* rows_of(std::size_t expert, std::size_t row) const {
    return weight_ + (expert * outputs_ + row) * row_bytes_;
  }
  float* output(const Frame& frame, const Team& team, std::size_t place) const {
    return frame.floats(out_, team) + place * outputs_;
  }

  /// The channels of a single token, which are those of all its slots.
  void run_alone(const Frame& frame, const Team& team, const float* chosen) const {
    const Team::Range mine = team.share(out_.width, grain_);
    for (std::size_t begin = mine.begin; begin < mine.end;) {
      const std::size_t slot = begin / outputs_;
      const std::size_t end = std::min((slot + 1) * outputs_, mine.end);
      const Team::Range range = {begin - slot * outputs_, end - slot * outputs_};
      const std::size_t expert = index_of(matrix(chosen, slot), experts_);
      if (expert < experts_) {
        multiply(frame, team, expert, {&slot, 1}, range);
      } else {
        spoil(frame, team, slot, range);
      }
      begin = end;
    }
  }

  /// Rows `mine` of the expert's matrix with the vectors of these places, numbered row * slots + slot.
  void multiply(const Frame& frame, const Team& team, std::size_t expert, std::span<const std::size_t> places,
                Team::Range mine) const {
    std::byte* scratch = frame.scratch[static_cast<std::size_t>(team.thread)];
    auto* products = reinterpret_cast<float*>(scratch);
    const kernels::Activations x = together(frame, team, places, scratch + kTokens * kRows * sizeof(float));
    for (std::size_t begin = mine.begin; begin < mine.end; begin += kRows) {
      const std::size_t count = std::min(kRows, mine.end - begin);
      product_(rows_of(expert, begin), row_bytes_, count, x, products, kRows);
      for (std::size_t i = 0; i < places.size(); ++i) {
        float* out = output(frame, team, places[i]) + begin;
        const float* from = products + i * kRows;
        if (biases_.empty()) {
          std::copy_n(from, count, out);
        } else {
          kernels_.add(from, biases_.data() + expert * outputs_ + begin, count, out);
        }
      }
    }
  }

  void spoil(const Frame& frame, const Team& team, std::size_t place, Team::Range mine) const {
    std::fill_n(output(frame, team, place) + mine.begin, mine.end - mine.begin,
                std::numeric_limits<float>::quiet_NaN());
  }

  /// The vectors of these places: one where it stands, several as copies behind each other in `memory`.
  kernels::Activations together(const Frame& frame, const Team& team, std::span<const std::size_t> places,
                                std::byte* memory) const {
    const bool are_apart = x_.width != inputs_;
    const auto row = [&](std::size_t i) { return places[i] / slots_; };
    const auto first = [&](std::size_t i) { return are_apart ? places[i] % slots_ * inputs_ : 0; };
    kernels::Activations x;
    x.tokens = places.size();
    x.width = inputs_;
    x.block_values = 1;
    if (x_.block_values == 0) {
      const float* all = frame.floats(x_, team);
      x.f32 = all + row(0) * x_.width + first(0);
      if (places.size() == 1) return x;
      auto* copies = reinterpret_cast<float*>(memory);
      for (std::size_t i = 0; i < places.size(); ++i) {
        std::copy_n(all + row(i) * x_.width + first(i), inputs_, copies + i * inputs_);
      }
      x.f32 = copies;
      return x;
    }
    const kernels::QuantizedRows all = quantized_rows(frame, x_, team);
    if (places.size() == 1) return part(all.row(row(0)), first(0));
    const kernels::QuantizedRows copies(memory, places.size(), inputs_, x_.block_values);
    for (std::size_t i = 0; i < places.size(); ++i) copy(part(all.row(row(i)), first(i)), copies.row(i));
    return copies.view();
  }

  /// The vector that begins at a channel of a quantized row.
  kernels::Activations part(const kernels::QuantizedRow& row, std::size_t channel) const {
    const std::size_t block = channel / x_.block_values;
    const std::size_t group = channel / kernels::QuantizedRows::kSumValues;
    return {.tokens = 1,
            .width = inputs_,
            .block_values = x_.block_values,
            .f32 = nullptr,
            .hi = row.hi + channel,
            .lo = row.lo + channel,
            .d = row.d + block,
            .sums = row.sums + group,
            .remainder = row.remainder + channel,
            .remainder_d = row.remainder_d + block,
            .remainder_sums = row.remainder_sums + group};
  }

  void copy(const kernels::Activations& from, const kernels::QuantizedRow& to) const {
    const std::size_t blocks = inputs_ / x_.block_values;
    const std::size_t groups = inputs_ / kernels::QuantizedRows::kSumValues;
    std::copy_n(from.hi, inputs_, to.hi);
    std::copy_n(from.lo, inputs_, to.lo);
    std::copy_n(from.d, blocks, to.d);
    std::copy_n(from.sums, groups, to.sums);
    std::copy_n(from.remainder, inputs_, to.remainder);
    std::copy_n(from.remainder_d, blocks, to.remainder_d);
    std::copy_n(from.remainder_sums, groups, to.remainder_sums);
  }

  const Kernels& kernels_;
  kernels::MatrixProduct product_;
  const std::byte* weight_;
  std::size_t row_bytes_;
  std::size_t inputs_;
  std::size_t outputs_;
  std::size_t experts_;
  std::size_t slots_;
  std::vector<float> biases_;
  Place x_;
  bool has_choice_;
  Place chosen_;
  Place out_;
  std::size_t grain_;
};

/// out[c] = the sum over i of weights[i] * x[i * width + c]: by channels.
class WeightedSum final : public Step {
 public:
  WeightedSum(const Place& x, const Place& weights, const Place& out, std::size_t grain)
      : x_(x), weights_(weights), out_(out), grain_(grain) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = team.share(out_.width, grain_);
    for (std::size_t row = 0; row < frame.rows(out_.row_set); ++row) {
      const float* weights = frame.floats(weights_, team) + row * weights_.width;
      const float* x = frame.floats(x_, team) + row * x_.width;
      float* out = frame.floats(out_, team) + row * out_.width;
      std::fill(out + mine.begin, out + mine.end, 0.0F);
      for (std::size_t slot = 0; slot < weights_.width; ++slot, x += out_.width) {
        for (std::size_t c = mine.begin; c < mine.end; ++c) out[c] += weights[slot] * x[c];
      }
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({x_.region, by_anything(x_, mode), false});
    accesses.push_back({weights_.region, by_anything(weights_, mode), false});
    accesses.push_back({out_.region, by_channels(out_, grain_, mode), true});
  }

 private:
  Place x_;
  Place weights_;
  Place out_;
  std::size_t grain_;
};

float sigmoid(float x) { return static_cast<float>(1 / (1 + portable_exp(-static_cast<double>(x)))); }

class SigmoidGate final : public Step {
 public:
  SigmoidGate(const Kernels& kernels, const Place& score, const Place& x, const Place& out, std::size_t grain)
      : kernels_(kernels), score_(score), x_(x), out_(out), grain_(grain) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = team.share(out_.width, grain_);
    const float* scores = frame.floats(score_, team);
    for (std::size_t row = 0; row < frame.rows(out_.row_set); ++row) {
      const float gate = sigmoid(scores[row]);
      const std::size_t at = row * out_.width + mine.begin;
      kernels_.scale(frame.floats(x_, team) + at, gate, mine.end - mine.begin, frame.floats(out_, team) + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({score_.region, by_anything(score_, mode), false});
    accesses.push_back({x_.region, by_channels(x_, grain_, mode), false});
    accesses.push_back({out_.region, by_channels(out_, grain_, mode), true});
  }

 private:
  const Kernels& kernels_;
  Place score_;
  Place x_;
  Place out_;
  std::size_t grain_;
};

}  // namespace

std::unique_ptr<Step> make_softmax(const Kernels& kernels, const Place& in, const Place& out) {
  return row_wise<1>({in}, out, [&kernels, width = out.width](const auto& x, float* to) {
    std::copy_n(x[0], width, to);
    const float factor = kernels.softmax(to, width);
    kernels.scale(to, factor, width, to);
  });
}

std::unique_ptr<Step> make_sigmoid(const Place& in, const Place& out) {
  return row_wise<1>({in}, out, [width = out.width](const auto& x, float* to) {
    for (std::size_t c = 0; c < width; ++c) to[c] = sigmoid(x[0][c]);
  });
}

std::unique_ptr<Step> make_top_k(const model::TopK& top, const Place& in, const Place& out) {
  return row_wise<1>({in}, out, [top, count = in.width, chosen = out.width](const auto& x, float* to) {
    choose_largest(top, x[0], count, chosen, to);
  });
}

std::unique_ptr<Step> make_pick(const Place& in, const Place& indices, const Place& out) {
  return row_wise<2>({in, indices}, out, [count = in.width, width = out.width](const auto& x, float* to) {
    for (std::size_t c = 0; c < width; ++c) to[c] = picked(x[0], count, x[1][c]);
  });
}

std::unique_ptr<Step> make_normalize(const Place& in, const Place& out) {
  return row_wise<1>({in}, out, [width = out.width](const auto& x, float* to) {
    float sum = 0;
    for (std::size_t c = 0; c < width; ++c) sum += x[0][c];
    for (std::size_t c = 0; c < width; ++c) to[c] = x[0][c] / sum;
  });
}

std::unique_ptr<Step> make_expert_linear(const Kernels& kernels, const model::ExpertLinear& linear,
                                         const gguf::Tensor& weight, std::vector<float> biases, const Place& x,
                                         const Place* chosen, const Place& out, std::size_t grain) {
  return std::make_unique<ExpertLinear>(kernels, linear, weight, std::move(biases), x, chosen, out, grain);
}

std::unique_ptr<Step> make_weighted_sum(const Place& x, const Place& weights, const Place& out, std::size_t grain) {
  return std::make_unique<WeightedSum>(x, weights, out, grain);
}

std::unique_ptr<Step> make_sigmoid_gate(const Kernels& kernels, const Place& score, const Place& x, const Place& out,
                                        std::size_t grain) {
  return std::make_unique<SigmoidGate>(kernels, score, x, out, grain);
}

}  // namespace assay::engine::fast

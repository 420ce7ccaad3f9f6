// Steps that a thread does for a share of the channels, for every row. A product, its bias and what is done to its
// channels stay on one thread.
#include <algorithm>
#include <utility>

#include "engine/fast/steps.h"

namespace assay::engine::fast {
namespace {

class ChannelStep : public Step {
 public:
  ChannelStep(const Kernels& kernels, const Place& out, std::size_t grain)
      : kernels_(kernels), out_(out), grain_(grain) {}

 protected:
  const Kernels& kernels() const { return kernels_; }
  const Place& out() const { return out_; }
  std::size_t grain() const { return grain_; }
  Team::Range my_channels(const Team& team) const { return team.share(out_.width, grain_); }
  Access reads(const Place& in, Mode mode) const { return {in.region, by_channels(in, grain_, mode), false}; }
  Access writes(Mode mode) const { return {out_.region, by_channels(out_, grain_, mode), true}; }

 private:
  const Kernels& kernels_;
  Place out_;
  std::size_t grain_;
};

class Linear final : public ChannelStep {
 public:
  Linear(const Kernels& kernels, const gguf::Tensor& weight, std::vector<float> bias, const Place& in, const Place& out,
         std::size_t grain)
      : ChannelStep(kernels, out, grain),
        product_(kernels.product[weight.type->id]),
        weight_(weight.data.data()),
        row_bytes_(weight.row_bytes()),
        bias_(std::move(bias)),
        in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    if (mine.begin == mine.end) return;
    float* rows = frame.floats(out(), team) + mine.begin;
    const std::size_t count = mine.end - mine.begin;
    const kernels::Activations x = activations(frame, team);
    product_(weight_ + mine.begin * row_bytes_, row_bytes_, count, x, rows, out().width);
    if (bias_.empty()) return;
    for (std::size_t row = 0; row < x.tokens; ++row) {
      float* channels = rows + row * out().width;
      kernels().add(channels, bias_.data() + mine.begin, count, channels);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({in_.region, by_anything(in_, mode), false});
    accesses.push_back(writes(mode));
  }

 private:
  kernels::Activations activations(const Frame& frame, const Team& team) const {
    if (in_.block_values != 0) return quantized_rows(frame, in_, team).view();
    kernels::Activations x;
    x.tokens = frame.rows(in_.row_set);
    x.width = in_.width;
    x.block_values = 1;
    x.f32 = frame.floats(in_, team);
    return x;
  }

  kernels::MatrixProduct product_;
  const std::byte* weight_;
  std::size_t row_bytes_;
  std::vector<float> bias_;
  Place in_;
};

class Rope final : public ChannelStep {
 public:
  Rope(const Kernels& kernels, const model::Rope& rope, const Place& table, const Place& in, const Place& out,
       std::size_t grain)
      : ChannelStep(kernels, out, grain),
        pairing_(rope.pairing),
        head_width_(rope.head_width),
        pairs_(rope.frequencies.size()),
        table_(table),
        in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    const float* from = frame.floats(in_, team);
    float* to = frame.floats(out(), team);
    const float* tables = frame.floats(table_, team);
    for (std::size_t row = 0; row < frame.rows(out().row_set); ++row) {
      const std::size_t base = row * out().width;
      if (from != to) std::copy(from + base + mine.begin, from + base + mine.end, to + base + mine.begin);
      rotate_heads(to + base, tables + row * table_.width, mine);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({table_.region, by_anything(table_, mode), false});
    accesses.push_back(reads(in_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  void rotate_heads(float* row, const float* cosines, Team::Range mine) const {
    const float* sines = cosines + pairs_;
    for (std::size_t head = mine.begin / head_width_ * head_width_; head < mine.end; head += head_width_) {
      if (pairing_ == model::RopePairing::halves) {
        kernels().rotate(row + head, cosines, sines, pairs_, 1, pairs_);
        continue;
      }
      // Shares may begin and end inside a head, between pairs.
      const std::size_t first = std::max(mine.begin, head) - head;
      const std::size_t last = std::min(mine.end - head, 2 * pairs_);
      if (first >= last) continue;
      kernels().rotate(row + head + first, cosines + first / 2, sines + first / 2, (last - first) / 2, 2, 1);
    }
  }

  model::RopePairing pairing_;
  std::size_t head_width_;
  std::size_t pairs_;
  Place table_;
  Place in_;
};

/// out[i] = f(a[i], b[i])
class Elementwise : public ChannelStep {
 public:
  using Function = void (*)(const float* a, const float* b, std::size_t n, float* out);

  Elementwise(const Kernels& kernels, Function function, const Place& a, const Place& b, const Place& out,
              std::size_t grain)
      : ChannelStep(kernels, out, grain), function_(function), a_(a), b_(b) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    const float* a = frame.floats(a_, team);
    const float* b = frame.floats(b_, team);
    float* to = frame.floats(out(), team);
    for (std::size_t row = 0; row < frame.rows(out().row_set); ++row) {
      const std::size_t at = row * out().width + mine.begin;
      function_(a + at, b + at, mine.end - mine.begin, to + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back(reads(a_, mode));
    accesses.push_back(reads(b_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  Function function_;
  Place a_;
  Place b_;
};

/// clamped_swiglu: with s the slope, silu(s min(gate, limit)) * (1 + clamp(up)) / s, the factors rounded to float32.
void clamped_swiglu(const Kernels& kernels, const float* gate, const float* up, std::size_t n, float* out) {
  constexpr std::size_t kPiece = 256;
  constexpr auto kSlope = static_cast<float>(model::kSwigluSlope);
  constexpr auto kInverse = static_cast<float>(1 / model::kSwigluSlope);
  constexpr auto kLimit = static_cast<float>(model::kSwigluLimit);
  float gates[kPiece];
  float ups[kPiece];
  for (std::size_t first = 0; first < n; first += kPiece) {
    const std::size_t count = std::min(kPiece, n - first);
    for (std::size_t i = 0; i < count; ++i) {
      gates[i] = kSlope * std::min(gate[first + i], kLimit);
      ups[i] = kInverse * (1 + std::clamp(up[first + i], -kLimit, kLimit));
    }
    kernels.silu_product(gates, ups, count, out + first);
  }
}

class ClampedSwiglu final : public ChannelStep {
 public:
  ClampedSwiglu(const Kernels& kernels, const Place& gate, const Place& up, const Place& out, std::size_t grain)
      : ChannelStep(kernels, out, grain), gate_(gate), up_(up) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    for (std::size_t row = 0; row < frame.rows(out().row_set); ++row) {
      const std::size_t at = row * out().width + mine.begin;
      clamped_swiglu(kernels(), frame.floats(gate_, team) + at, frame.floats(up_, team) + at, mine.end - mine.begin,
                     frame.floats(out(), team) + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back(reads(gate_, mode));
    accesses.push_back(reads(up_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  Place gate_;
  Place up_;
};

/// out[i] = f(in[i], parameter)
class Unary final : public ChannelStep {
 public:
  using Function = void (*)(const float* x, float parameter, std::size_t n, float* out);

  Unary(const Kernels& kernels, Function function, double parameter, const Place& in, const Place& out,
        std::size_t grain)
      : ChannelStep(kernels, out, grain), function_(function), parameter_(static_cast<float>(parameter)), in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    const float* from = frame.floats(in_, team);
    float* to = frame.floats(out(), team);
    for (std::size_t row = 0; row < frame.rows(out().row_set); ++row) {
      const std::size_t at = row * out().width + mine.begin;
      function_(from + at, parameter_, mine.end - mine.begin, to + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back(reads(in_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  Function function_;
  float parameter_;
  Place in_;
};

class PositionScale final : public ChannelStep {
 public:
  PositionScale(const Kernels& kernels, const model::PositionScale& scale, const Place& in, const Place& out,
                std::size_t grain)
      : ChannelStep(kernels, out, grain), scale_(scale), in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    const float* from = frame.floats(in_, team);
    float* to = frame.floats(out(), team);
    for (std::size_t row = 0; row < frame.tokens.size(); ++row) {
      const std::size_t at = row * out().width + mine.begin;
      const auto factor = static_cast<float>(scale_.factor(frame.positions[row]));
      kernels().scale(from + at, factor, mine.end - mine.begin, to + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back(reads(in_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  model::PositionScale scale_;
  Place in_;
};

class Activation final : public ChannelStep {
 public:
  Activation(const Kernels& kernels, Elementwise::Function product, const Place& gate, const Place& out,
             std::size_t grain)
      : ChannelStep(kernels, out, grain), product_(product), gate_(gate), ones_(out.width, 1.0F) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = my_channels(team);
    const float* from = frame.floats(gate_, team);
    float* to = frame.floats(out(), team);
    for (std::size_t row = 0; row < frame.rows(out().row_set); ++row) {
      const std::size_t at = row * out().width + mine.begin;
      product_(from + at, ones_.data(), mine.end - mine.begin, to + at);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back(reads(gate_, mode));
    accesses.push_back(writes(mode));
  }

 private:
  Elementwise::Function product_;
  Place gate_;
  std::vector<float> ones_;
};

Elementwise::Function gated_product(const Kernels& kernels, model::Activation activation) {
  switch (activation) {
    case model::Activation::silu:
      return kernels.silu_product;
    case model::Activation::gelu:
      return kernels.gelu_product;
    case model::Activation::gelu_tanh:
      return kernels.gelu_tanh_product;
    case model::Activation::clamped_swiglu:
      break;  // needs a gate
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Step> make_linear(const Kernels& kernels, const gguf::Tensor& weight, std::vector<float> bias,
                                  const Place& in, const Place& out, std::size_t grain) {
  return std::make_unique<Linear>(kernels, weight, std::move(bias), in, out, grain);
}

std::unique_ptr<Step> make_rope(const Kernels& kernels, const model::Rope& rope, const Place& table, const Place& in,
                                const Place& out, std::size_t grain) {
  return std::make_unique<Rope>(kernels, rope, table, in, out, grain);
}

std::unique_ptr<Step> make_gated(const Kernels& kernels, model::Activation activation, const Place& gate,
                                 const Place& up, const Place& out, std::size_t grain) {
  if (activation == model::Activation::clamped_swiglu) {
    return std::make_unique<ClampedSwiglu>(kernels, gate, up, out, grain);
  }
  return std::make_unique<Elementwise>(kernels, gated_product(kernels, activation), gate, up, out, grain);
}

std::unique_ptr<Step> make_activation(const Kernels& kernels, model::Activation activation, const Place& gate,
                                      const Place& out, std::size_t grain) {
  return std::make_unique<Activation>(kernels, gated_product(kernels, activation), gate, out, grain);
}

std::unique_ptr<Step> make_position_scale(const Kernels& kernels, const model::PositionScale& scale, const Place& in,
                                          const Place& out, std::size_t grain) {
  return std::make_unique<PositionScale>(kernels, scale, in, out, grain);
}

std::unique_ptr<Step> make_add(const Kernels& kernels, const Place& a, const Place& b, const Place& out,
                               std::size_t grain) {
  return std::make_unique<Elementwise>(kernels, kernels.add, a, b, out, grain);
}

std::unique_ptr<Step> make_scale(const Kernels& kernels, double factor, const Place& in, const Place& out,
                                 std::size_t grain) {
  return std::make_unique<Unary>(kernels, kernels.scale, factor, in, out, grain);
}

std::unique_ptr<Step> make_soft_cap(const Kernels& kernels, double cap, const Place& in, const Place& out,
                                    std::size_t grain) {
  return std::make_unique<Unary>(kernels, kernels.soft_cap, cap, in, out, grain);
}

}  // namespace assay::engine::fast

// Steps that a thread does for whole rows.
#include <algorithm>
#include <array>
#include <utility>

#include "base/math.h"
#include "engine/concat.h"
#include "engine/fast/steps.h"

namespace assay::engine::fast {
namespace {

class RowStep : public Step {
 public:
  explicit RowStep(const Place& out) : out_(out) {}

 protected:
  const Place& out() const { return out_; }

 private:
  Place out_;
};

class Embed final : public RowStep {
 public:
  Embed(const gguf::Tensor& table, const Place& out) : RowStep(out), table_(table) {}

  void run(const Frame& frame, const Team& team) const override {
    float* rows = frame.floats(out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      const auto token = static_cast<std::uint64_t>(frame.tokens[row].token);
      table_.type->decode(table_.row(token).data(), out().width / table_.type->block_values, rows + row * out().width);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({out().region, by_rows(out(), mode), true});
  }

 private:
  const gguf::Tensor& table_;
};

class Gather final : public RowStep {
 public:
  Gather(const Place& in, const Place& out) : RowStep(out), in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const float* from = frame.floats(in_, team);
    float* to = frame.floats(out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      std::copy_n(from + frame.outputs[row] * out().width, out().width, to + row * out().width);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({in_.region, by_anything(in_, mode), false});
    accesses.push_back({out().region, by_rows(out(), mode), true});
  }

 private:
  Place in_;
};

/// A row-wise step that reads the same row of one value.
class UnaryRowStep : public RowStep {
 public:
  UnaryRowStep(const Kernels& kernels, const Place& in, const Place& out) : RowStep(out), kernels_(kernels), in_(in) {}

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({in_.region, by_rows(in_, mode), false});
    accesses.push_back({out().region, by_rows(out(), mode), true});
  }

 protected:
  const Kernels& kernels() const { return kernels_; }
  const Place& in() const { return in_; }

 private:
  const Kernels& kernels_;
  Place in_;
};

class Quantize final : public UnaryRowStep {
 public:
  using UnaryRowStep::UnaryRowStep;

  void run(const Frame& frame, const Team& team) const override {
    const float* from = frame.floats(in(), team);
    const kernels::QuantizedRows to = quantized_rows(frame, out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      kernels().quantize(from + row * out().width, out().width, out().block_values, to.row(row));
    }
  }
};

class RmsNorm final : public UnaryRowStep {
 public:
  RmsNorm(const Kernels& kernels, std::vector<float> weight, double epsilon, const Place& in, const Place& out)
      : UnaryRowStep(kernels, in, out), weight_(std::move(weight)), epsilon_(static_cast<float>(epsilon)) {}

  void run(const Frame& frame, const Team& team) const override {
    const float* from = frame.floats(in(), team);
    float* to = frame.floats(out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t i = mine.begin * out().width; i < mine.end * out().width; i += weight_.size()) {
      kernels().rms_norm(from + i, weight_.data(), epsilon_, weight_.size(), to + i);
    }
  }

 private:
  std::vector<float> weight_;
  float epsilon_;
};

class LayerNorm final : public UnaryRowStep {
 public:
  LayerNorm(const Kernels& kernels, std::vector<float> weight, std::vector<float> bias, double epsilon, const Place& in,
            const Place& out)
      : UnaryRowStep(kernels, in, out),
        weight_(std::move(weight)),
        bias_(std::move(bias)),
        epsilon_(static_cast<float>(epsilon)) {}

  void run(const Frame& frame, const Team& team) const override {
    const std::size_t width = out().width;
    const float* from = frame.floats(in(), team);
    float* to = frame.floats(out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      const float* x = from + row * width;
      float* y = to + row * width;
      const auto mean = static_cast<float>(kernels().row_sums(x, width).sum / static_cast<double>(width));
      for (std::size_t c = 0; c < width; ++c) y[c] = x[c] - mean;
      kernels().rms_norm(y, weight_.data(), epsilon_, width, y);
      if (!bias_.empty()) kernels().add(y, bias_.data(), width, y);
    }
  }

 private:
  std::vector<float> weight_;
  std::vector<float> bias_;
  float epsilon_;
};

class RopeTable final : public RowStep {
 public:
  RopeTable(std::vector<double> frequencies, double magnitude, const Place& out)
      : RowStep(out), frequencies_(std::move(frequencies)), magnitude_(magnitude) {}

  void run(const Frame& frame, const Team& team) const override {
    float* rows = frame.floats(out(), team);
    const Team::Range mine = frame.my_rows(out(), team);
    const std::size_t pairs = frequencies_.size();
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      float* cosines = rows + row * out().width;
      for (std::size_t i = 0; i < pairs; ++i) {
        const double angle = static_cast<double>(frame.positions[row]) * frequencies_[i];
        cosines[i] = static_cast<float>(portable_cos(angle) * magnitude_);
        cosines[pairs + i] = static_cast<float>(portable_sin(angle) * magnitude_);
      }
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    accesses.push_back({out().region, by_rows(out(), mode), true});
  }

 private:
  std::vector<double> frequencies_;
  double magnitude_;
};

class AddBias final : public UnaryRowStep {
 public:
  AddBias(const Kernels& kernels, std::vector<float> bias, const Place& in, const Place& out)
      : UnaryRowStep(kernels, in, out), bias_(std::move(bias)) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = frame.my_rows(out(), team);
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      const std::size_t at = row * out().width;
      kernels().add(frame.floats(in(), team) + at, bias_.data(), out().width, frame.floats(out(), team) + at);
    }
  }

 private:
  std::vector<float> bias_;
};

class Concat final : public RowStep {
 public:
  Concat(const model::Concat& concat, const std::vector<Place>& in, const Place& out)
      : RowStep(out), concat_(concat), in_(in) {}

  void run(const Frame& frame, const Team& team) const override {
    const Team::Range mine = frame.my_rows(out(), team);
    std::array<ConcatInput<float>, 2> rows;
    for (std::size_t row = mine.begin; row < mine.end; ++row) {
      for (std::size_t i = 0; i < in_.size(); ++i) {
        rows[i] = {frame.floats(in_[i], team) + row * in_[i].width, in_[i].width};
      }
      concatenate(concat_, rows, frame.floats(out(), team) + row * out().width);
    }
  }

  void append_accesses(Mode mode, std::vector<Access>& accesses) const override {
    for (const Place& in : in_) accesses.push_back({in.region, by_rows(in, mode), false});
    accesses.push_back({out().region, by_rows(out(), mode), true});
  }

 private:
  const model::Concat& concat_;
  std::vector<Place> in_;
};

}  // namespace

std::unique_ptr<Step> make_embed(const gguf::Tensor& table, const Place& out) {
  return std::make_unique<Embed>(table, out);
}

std::unique_ptr<Step> make_gather(const Place& in, const Place& out) { return std::make_unique<Gather>(in, out); }

std::unique_ptr<Step> make_quantize(const Kernels& kernels, const Place& in, const Place& out) {
  return std::make_unique<Quantize>(kernels, in, out);
}

std::unique_ptr<Step> make_rms_norm(const Kernels& kernels, std::vector<float> weight, double epsilon, const Place& in,
                                    const Place& out) {
  return std::make_unique<RmsNorm>(kernels, std::move(weight), epsilon, in, out);
}

std::unique_ptr<Step> make_layer_norm(const Kernels& kernels, std::vector<float> weight, std::vector<float> bias,
                                      double epsilon, const Place& in, const Place& out) {
  return std::make_unique<LayerNorm>(kernels, std::move(weight), std::move(bias), epsilon, in, out);
}

std::unique_ptr<Step> make_rope_table(std::vector<double> frequencies, double magnitude, const Place& out) {
  return std::make_unique<RopeTable>(std::move(frequencies), magnitude, out);
}

std::unique_ptr<Step> make_add_bias(const Kernels& kernels, std::vector<float> bias, const Place& in,
                                    const Place& out) {
  return std::make_unique<AddBias>(kernels, std::move(bias), in, out);
}

std::unique_ptr<Step> make_concat(const model::Concat& concat, const std::vector<Place>& in, const Place& out) {
  return std::make_unique<Concat>(concat, in, out);
}

}  // namespace assay::engine::fast

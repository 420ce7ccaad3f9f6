// The operations of a plan in float64. Each is called by every thread of a team and does that thread's share; no sum is
// split between threads, and every sum has one order, so the bits do not depend on the number of threads or the batch.
//
// A sum over a row runs in 16 lanes (kernels.h, dot_exact).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/threads.h"
#include "engine/batch.h"
#include "engine/kv_cache.h"
#include "gguf/file.h"
#include "kernels/kernels.h"
#include "model/plan.h"

namespace assay::engine::oracle {

/// The rows of an input. `pick` maps a step's row to the input's row when the step computes only some of them.
struct Input {
  const double* data = nullptr;
  std::size_t width = 0;
  const std::size_t* pick = nullptr;
  const double* row(std::size_t i) const { return data + (pick == nullptr ? i : pick[i]) * width; }
};

/// Rows of a weight that are decoded together, for all tokens of a batch.
inline constexpr std::size_t kRowsDecoded = 4;

/// What an operation needs besides its own parameters. The output is [rows, width].
struct Call {
  const kernels::Kernels& kernels;
  const model::Plan& plan;
  const Batch& batch;
  KvCache<double>& cache;
  Team team;
  Input inputs[3];
  std::size_t rows;
  std::size_t width;
  double* output;

  // This thread's own memory.
  double* weights;  ///< as long as kRowsDecoded of the longest row of a weight
  double* scratch;  ///< as long as the widest value and as the longest sequence
};

/// One row at a position, which is real and may be negative; `out` is as wide as `x`.
void rotate(const model::Rope& rope, double position, std::span<const double> x, double* out);

void run(const model::Embed& embed, const Call& call);
void run(const model::RmsNorm& norm, const Call& call);
void run(const model::LayerNorm& norm, const Call& call);
void run(const model::Linear& linear, const Call& call);
void run(const model::Rope& rope, const Call& call);
void run(const model::PositionScale& scale, const Call& call);
void run(const model::Attention& attention, const Call& call);
void run(const model::GatedActivation& gated, const Call& call);
void run(const model::Add& add, const Call& call);
void run(const model::AddBias& add, const Call& call);
void run(const model::Concat& concat, const Call& call);
void run(const model::Scale& scale, const Call& call);
void run(const model::SoftCap& cap, const Call& call);

// Of a mixture of experts (experts.cc).

void run(const model::Softmax& softmax, const Call& call);
void run(const model::Sigmoid& sigmoid, const Call& call);
void run(const model::TopK& top, const Call& call);
void run(const model::Pick& pick, const Call& call);
void run(const model::Normalize& normalize, const Call& call);
void run(const model::ExpertLinear& linear, const Call& call);
void run(const model::WeightedSum& sum, const Call& call);
void run(const model::SigmoidGate& gate, const Call& call);

}  // namespace assay::engine::oracle

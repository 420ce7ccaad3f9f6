#include "cli/tensor_statistics.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "base/threads.h"

namespace assay::cli {
namespace {

constexpr std::size_t kPieceValues = 1 << 16;

struct Partial {
  std::uint64_t non_finite = 0;
  std::uint64_t first_non_finite_block = std::numeric_limits<std::uint64_t>::max();
  double sum = 0;
  double sum_of_squares = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  std::array<std::uint64_t, kHistogramBins> histogram{};
};

/// The pieces of a tensor; a piece is whole blocks.
class Pieces {
 public:
  explicit Pieces(const gguf::Tensor& tensor)
      : tensor_(tensor),
        blocks_(static_cast<std::size_t>(tensor.values() / tensor.type->block_values)),
        piece_blocks_(std::max<std::size_t>(1, kPieceValues / tensor.type->block_values)) {}

  std::size_t count() const { return (blocks_ + piece_blocks_ - 1) / piece_blocks_; }
  std::size_t first_block(std::size_t piece) const { return piece * piece_blocks_; }

  /// Decodes a piece; `values` is made large enough.
  std::size_t decode(std::size_t piece, std::vector<float>& values) const {
    const std::size_t begin = first_block(piece);
    const std::size_t blocks = std::min(piece_blocks_, blocks_ - begin);
    values.resize(blocks * tensor_.type->block_values);
    tensor_.type->decode(tensor_.data.data() + begin * tensor_.type->block_bytes, blocks, values.data());
    return values.size();
  }

 private:
  const gguf::Tensor& tensor_;
  std::size_t blocks_;
  std::size_t piece_blocks_;
};

/// work(piece, values) for every piece, on all threads.
template <typename Work>
void for_each_piece(const Pieces& pieces, int threads, const std::function<void(std::uint64_t)>& on_progress,
                    Work&& work) {
  std::atomic<std::uint64_t> done{0};
  run_team(threads, [&](const Team& team) {
    std::vector<float> values;
    const Team::Range share = team.share(pieces.count());
    for (std::size_t piece = share.begin; piece < share.end; ++piece) {
      done += pieces.decode(piece, values);
      work(piece, values);
      if (team.thread == 0) on_progress(done.exchange(0));
    }
  });
  on_progress(done.exchange(0));
}

Partial look_at(const std::vector<float>& values, std::size_t first_block, std::size_t block_values) {
  Partial partial;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    if (!std::isfinite(value)) {
      ++partial.non_finite;
      partial.first_non_finite_block =
          std::min<std::uint64_t>(partial.first_non_finite_block, first_block + i / block_values);
      continue;
    }
    partial.sum += value;
    partial.sum_of_squares += value * value;
    partial.min = std::min(partial.min, value);
    partial.max = std::max(partial.max, value);
  }
  return partial;
}

}  // namespace

TensorStatistics measure(const gguf::Tensor& tensor, int threads,
                         const std::function<void(std::uint64_t)>& on_progress) {
  const Pieces pieces(tensor);
  std::vector<Partial> partials(pieces.count());
  for_each_piece(pieces, threads, on_progress, [&](std::size_t piece, const std::vector<float>& values) {
    partials[piece] = look_at(values, pieces.first_block(piece), tensor.type->block_values);
  });
  Partial total;
  for (const Partial& partial : partials) {
    total.non_finite += partial.non_finite;
    total.first_non_finite_block = std::min(total.first_non_finite_block, partial.first_non_finite_block);
    total.sum += partial.sum;
    total.sum_of_squares += partial.sum_of_squares;
    total.min = std::min(total.min, partial.min);
    total.max = std::max(total.max, partial.max);
  }

  TensorStatistics statistics;
  statistics.values = tensor.values();
  statistics.non_finite = total.non_finite;
  if (total.non_finite > 0) statistics.first_non_finite_block = total.first_non_finite_block;
  const std::uint64_t finite = statistics.values - statistics.non_finite;
  if (finite == 0) return statistics;
  statistics.mean = total.sum / static_cast<double>(finite);
  statistics.rms = std::sqrt(total.sum_of_squares / static_cast<double>(finite));
  statistics.min = total.min;
  statistics.max = total.max;

  const double width = (total.max - total.min) / static_cast<double>(kHistogramBins);
  for_each_piece(pieces, threads, on_progress, [&](std::size_t piece, const std::vector<float>& values) {
    for (const float value : values) {
      if (!std::isfinite(value)) continue;
      const double place = width > 0 ? (static_cast<double>(value) - total.min) / width : 0;
      ++partials[piece].histogram[std::min(static_cast<std::size_t>(place), kHistogramBins - 1)];
    }
  });
  for (const Partial& partial : partials) {
    for (std::size_t bin = 0; bin < kHistogramBins; ++bin) statistics.histogram[bin] += partial.histogram[bin];
  }
  return statistics;
}

}  // namespace assay::cli

#include "compare/weight_meter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/threads.h"
#include "quant/type.h"

namespace assay::compare {
namespace {

constexpr std::size_t kBandValues = 1 << 16;
constexpr std::size_t kTransposedBandValues = 1 << 20;  // every band reads the whole reference
constexpr std::size_t kPlainBlock = 32;
constexpr std::size_t kWorstBlocks = 3;
constexpr float kLargestHalf = 65504;

struct Partial {
  double reference_squares = 0;
  double candidate_squares = 0;
  double difference_squares = 0;
  double max_error = -1;
  std::uint64_t max_at = 0;  // in the tensor
  std::uint64_t non_finite_reference = 0;
  std::uint64_t non_finite_candidate = 0;
  std::uint64_t first_non_finite_block = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t lost_blocks = 0;
  std::uint64_t saturated_scales = 0;
  std::vector<WorstBlock> worst;  // `share` is still the sum of squares

  Partial() { worst.reserve(kWorstBlocks + 1); }

  void add(const Partial& other) {
    reference_squares += other.reference_squares;
    candidate_squares += other.candidate_squares;
    difference_squares += other.difference_squares;
    if (other.max_error > max_error) {
      max_error = other.max_error;
      max_at = other.max_at;
    }
    non_finite_reference += other.non_finite_reference;
    non_finite_candidate += other.non_finite_candidate;
    first_non_finite_block = std::min(first_non_finite_block, other.first_non_finite_block);
    lost_blocks += other.lost_blocks;
    saturated_scales += other.saturated_scales;
    for (const WorstBlock& block : other.worst) add_worst(block);
  }

  void add_worst(const WorstBlock& block) {
    if (block.error <= 0) return;
    const auto better = std::find_if(worst.begin(), worst.end(), [&](const auto& w) { return w.error < block.error; });
    if (better == worst.end() && worst.size() == kWorstBlocks) return;
    worst.insert(better, block);  // within its memory
    if (worst.size() > kWorstBlocks) worst.pop_back();
  }
};

/// One thread's work on bands of rows. All its memory is there before the team starts, in which nothing may throw.
class Bands {
 public:
  Bands(const WeightTensor& reference, const WeightTensor& candidate, const WeightDifference& difference,
        std::size_t band_rows)
      : reference_(reference),
        candidate_(candidate),
        difference_(difference),
        expected_(band_rows * candidate.columns),
        actual_(band_rows * candidate.columns) {
    // A band, and the rows of the reference that it begins and ends in.
    scratch_.reserve(band_rows * candidate.columns + 2 * reference.columns);
  }

  void look_at(std::size_t first, std::size_t rows, Partial& partial) {
    const std::size_t columns = candidate_.columns;
    read_arranged(reference_, candidate_, difference_.arrangement, first, rows, scratch_, expected_.data());
    candidate_.read_rows(first, rows, actual_.data());
    const std::size_t block_values = static_cast<std::size_t>(difference_.block_values);
    const std::size_t blocks_a_row = (columns + block_values - 1) / block_values;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t block = 0; block < blocks_a_row; ++block) {
        const std::size_t begin = row * columns + block * block_values;
        const std::size_t count = std::min(block_values, columns - block * block_values);
        look_at_block((first + row) * blocks_a_row + block, first * columns, begin, count, partial);
      }
    }
    count_saturated(first, rows, partial);
  }

 private:
  void look_at_block(std::uint64_t index, std::uint64_t offset, std::size_t begin, std::size_t count,
                     Partial& partial) const {
    double squares = 0;
    bool reference_is_zero = true;
    bool candidate_is_zero = true;
    for (std::size_t i = begin; i < begin + count; ++i) {
      const double r = expected_[i] + difference_.offset;
      const double c = actual_[i];
      reference_is_zero = reference_is_zero && r == 0;
      candidate_is_zero = candidate_is_zero && c == 0;
      const bool r_finite = std::isfinite(r);
      const bool c_finite = std::isfinite(c);
      if (!c_finite) partial.first_non_finite_block = std::min(partial.first_non_finite_block, index);
      partial.non_finite_reference += r_finite ? 0 : 1;
      partial.non_finite_candidate += c_finite ? 0 : 1;
      if (!r_finite || !c_finite) continue;
      const double error = std::abs(c - r);
      squares += error * error;
      partial.reference_squares += r * r;
      partial.candidate_squares += c * c;
      if (error > partial.max_error) {
        partial.max_error = error;
        partial.max_at = offset + i;
      }
    }
    partial.difference_squares += squares;
    partial.lost_blocks += candidate_is_zero && !reference_is_zero && count > 1 ? 1 : 0;
    partial.add_worst({index, std::sqrt(squares / static_cast<double>(count)), squares});
  }

  void count_saturated(std::size_t first, std::size_t rows, Partial& partial) const {
    const gguf::Tensor* tensor = candidate_.gguf();
    if (tensor == nullptr || tensor->type->take_apart == nullptr) return;
    const quant::Type& type = *tensor->type;
    const std::size_t blocks_a_row = candidate_.columns / type.block_values;
    quant::BlockIntegers integers;
    for (std::size_t block = first * blocks_a_row; block < (first + rows) * blocks_a_row; ++block) {
      type.take_apart(tensor->data.data() + block * type.block_bytes, integers);
      const bool fits = std::abs(integers.d) < kLargestHalf && std::abs(integers.dmin) < kLargestHalf;
      partial.saturated_scales += fits ? 0 : 1;  // a NaN does not fit either
    }
  }

  const WeightTensor& reference_;
  const WeightTensor& candidate_;
  const WeightDifference& difference_;
  std::vector<double> expected_;
  std::vector<double> actual_;
  std::vector<double> scratch_;
};

}  // namespace

SquaredNorms measure_weights(const WeightTensor& reference, const WeightTensor& candidate, int threads,
                             WeightDifference& d) {
  const gguf::Tensor* blocks = candidate.gguf();
  d.block_values = blocks != nullptr && blocks->type->is_quantized() ? blocks->type->block_values : kPlainBlock;
  d.values = candidate.values();
  const bool transposed = d.arrangement.kind == Arrangement::Kind::transposed;
  const std::size_t band_rows =
      std::max<std::size_t>(1, (transposed ? kTransposedBandValues : kBandValues) / candidate.columns);
  const std::size_t bands = (candidate.rows + band_rows - 1) / band_rows;
  std::vector<Partial> partials(bands);
  const int team_threads = std::min(threads, static_cast<int>(std::min<std::size_t>(bands, 4096)));
  std::vector<Bands> workers;
  workers.reserve(static_cast<std::size_t>(team_threads));
  for (int i = 0; i < team_threads; ++i) workers.emplace_back(reference, candidate, d, band_rows);
  run_team(team_threads, [&](const Team& team) {
    Bands& worker = workers[static_cast<std::size_t>(team.thread)];
    const Team::Range share = team.share(bands);
    for (std::size_t band = share.begin; band < share.end; ++band) {
      const std::size_t rows = std::min(band_rows, candidate.rows - band * band_rows);
      worker.look_at(band * band_rows, rows, partials[band]);
    }
  });

  Partial total;
  for (const Partial& partial : partials) total.add(partial);
  const auto count = static_cast<double>(d.values);
  d.relative_error = total.difference_squares == 0 ? 0 : std::sqrt(total.difference_squares / total.reference_squares);
  d.sqnr_db = 10 * std::log10(total.reference_squares / total.difference_squares);
  if (total.difference_squares == 0) d.sqnr_db = std::numeric_limits<double>::infinity();
  d.max_error = std::max(total.max_error, 0.0);
  d.max_row = total.max_at / candidate.columns;
  d.max_column = total.max_at % candidate.columns;
  d.rms_reference = std::sqrt(total.reference_squares / count);
  d.rms_candidate = std::sqrt(total.candidate_squares / count);
  d.non_finite_reference = total.non_finite_reference;
  d.non_finite_candidate = total.non_finite_candidate;
  if (total.non_finite_candidate > 0) d.first_non_finite_block = total.first_non_finite_block;
  d.lost_blocks = total.lost_blocks;
  d.saturated_scales = total.saturated_scales;
  d.worst_blocks = total.worst;
  for (WorstBlock& block : d.worst_blocks) block.share /= total.difference_squares;
  return {total.difference_squares, total.reference_squares};
}

}  // namespace assay::compare

// Statistics of one tensor's values, on several threads. Sums are taken over fixed pieces in a fixed order, so that the
// number of threads changes no digit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "gguf/file.h"

namespace assay::cli {

inline constexpr std::size_t kHistogramBins = 24;

struct TensorStatistics {
  std::uint64_t values = 0;
  std::uint64_t non_finite = 0;
  std::optional<std::uint64_t> first_non_finite_block;  ///< counted over the whole tensor
  // Of the finite values.
  double mean = 0;
  double rms = 0;
  double min = 0;
  double max = 0;
  std::array<std::uint64_t, kHistogramBins> histogram{};  ///< equal bins from min to max
};

/// Requires tensor.type->is_decodable(). `on_progress(values)` is called now and then, from one thread at a time, with
/// how many values were looked at since the last call; every value is looked at twice.
TensorStatistics measure(const gguf::Tensor& tensor, int threads,
                         const std::function<void(std::uint64_t)>& on_progress);

}  // namespace assay::cli

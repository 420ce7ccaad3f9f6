// A trace file: one safetensors file that holds what a model computed.
//
//   <tap>             [tokens, channels] F32 or F64, for every tap; or, where only statistics were kept,
//   <tap>.statistics  [tokens, 6] F64: count, non_finite, mean, rms, min, max of the row (the last four of its finite
//                     values; NaN where there are none)
//   <tap>.samples     [tokens, 6] F64: the first three and the last three channels of the row
//   tokens, positions [tokens] I32
//   metadata          assay.trace: "1" (the version); assay.content: "values" or "statistics"; model, model.sha256,
//                     engine, arithmetic, command; prompt_tokens: how many of the tokens are the prompt, the rest were
//                     decoded one by one
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gguf/safetensors.h"
#include "trace/statistics.h"

namespace assay::trace {

enum class Content { values, statistics };

inline constexpr std::size_t kStatisticsColumns = 6;
inline constexpr std::size_t kSamples = 6;
using Samples = std::array<double, kSamples>;

/// The channel of sample `index`; a row of fewer than six channels shows some of them twice.
std::size_t sample_channel(std::size_t index, std::size_t channels);

struct TraceInfo {
  Content content = Content::values;
  std::string model;         ///< the file, as the user named it
  std::string model_sha256;  ///< of the file's bytes, a split model's parts one after another
  std::string engine;        ///< Engine::description()
  std::string arithmetic;    ///< of the steps: "f64"
  std::string command;
  std::size_t prompt_tokens = 0;
};

/// One tap of a trace.
struct TraceTap {
  std::string name;
  std::size_t rows = 0;
};

/// A trace file, read. Values stay in the file until they are asked for.
class Trace {
 public:
  /// Throws Error{io}, Error{input} (no trace of Assay, or one that contradicts itself), Error{unsupported} for a later
  /// version.
  static Trace open(const std::filesystem::path& path);

  const TraceInfo& info() const { return info_; }
  std::span<const TraceTap> taps() const { return taps_; }  ///< in the order of the plan
  std::span<const std::int32_t> tokens() const { return tokens_; }
  std::span<const std::int32_t> positions() const { return positions_; }

  Statistics statistics(std::size_t tap, std::size_t row) const;
  Samples samples(std::size_t tap, std::size_t row) const;
  /// The whole row. Requires info().content == Content::values.
  std::vector<double> row(std::size_t tap, std::size_t row) const;

 private:
  const gguf::SafeTensor& tensor(std::size_t tap, std::string_view suffix = {}) const;
  std::vector<double> read_row(const gguf::SafeTensor& tensor, std::size_t row) const;
  std::vector<std::int32_t> read_integers(std::string_view name) const;
  void check_shape(const gguf::SafeTensor* tensor, const std::string& name, std::size_t columns) const;

  gguf::SafetensorsFile file_;
  TraceInfo info_;
  std::vector<TraceTap> taps_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
};

}  // namespace assay::trace

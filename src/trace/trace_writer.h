// Writes a trace file while the model runs. All shapes are known before, so that every row goes to its place at once;
// what is held in memory is some KiB a tap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gguf/safetensors_writer.h"
#include "trace/trace_file.h"

namespace assay::trace {

class TraceWriter {
 public:
  struct Tap {
    std::string name;
    std::size_t channels;
  };

  /// `rows`: tokens of the whole trace. `dtype` of the values, F32 or F64. Throws Error{io}.
  TraceWriter(const std::filesystem::path& path, const TraceInfo& info, std::span<const Tap> taps, std::size_t rows,
              gguf::Dtype dtype);

  /// The next rows of tap `index`. Content::values.
  void append(std::size_t index, const engine::Rows& rows);
  /// The next row of tap `index`. Content::statistics.
  void append(std::size_t index, const Statistics& statistics, const Samples& samples);

  /// Every tap has had all its rows; gives the file its name.
  void finish(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions);

 private:
  /// A tensor that grows from its first byte to its last.
  struct Stream {
    std::uint64_t written = 0;
    std::vector<std::byte> waiting;
  };
  void put(std::size_t tensor, std::span<const std::byte> bytes);
  void flush(std::size_t tensor);

  gguf::Dtype dtype_;
  gguf::SafetensorsWriter writer_;
  std::vector<Stream> streams_;  // a tensor each, in the order declared
  std::vector<double> wide_;
  std::vector<float> narrow_;
};

}  // namespace assay::trace

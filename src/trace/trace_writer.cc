#include "trace/trace_writer.h"

#include <cassert>
#include <map>

namespace assay::trace {
namespace {

/// A row of decoding is small, and there are hundreds of taps: they are written together.
constexpr std::size_t kWaitingBytes = 16 << 10;

std::vector<gguf::SafetensorsWriter::Declaration> declarations(const TraceInfo& info,
                                                               std::span<const TraceWriter::Tap> taps,
                                                               std::uint64_t rows, gguf::Dtype dtype) {
  std::vector<gguf::SafetensorsWriter::Declaration> all;
  for (const TraceWriter::Tap& tap : taps) {
    if (info.content == Content::values) {
      all.push_back({tap.name, dtype, {rows, tap.channels}});
    } else {
      all.push_back({tap.name + ".statistics", gguf::Dtype::f64, {rows, kStatisticsColumns}});
      all.push_back({tap.name + ".samples", gguf::Dtype::f64, {rows, kSamples}});
    }
  }
  all.push_back({"tokens", gguf::Dtype::i32, {rows}});
  all.push_back({"positions", gguf::Dtype::i32, {rows}});
  return all;
}

std::map<std::string, std::string> metadata(const TraceInfo& info) {
  return {{"assay.trace", "1"},      {"assay.content", info.content == Content::values ? "values" : "statistics"},
          {"model", info.model},     {"model.sha256", info.model_sha256},
          {"engine", info.engine},   {"arithmetic", info.arithmetic},
          {"command", info.command}, {"prompt_tokens", std::to_string(info.prompt_tokens)}};
}

}  // namespace

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceInfo& info, std::span<const Tap> taps,
                         std::size_t rows, gguf::Dtype dtype)
    : dtype_(dtype),
      writer_(path, declarations(info, taps, rows, dtype), metadata(info)),
      streams_(taps.size() * (info.content == Content::values ? 1 : 2) + 2) {}

void TraceWriter::append(std::size_t index, const engine::Rows& rows) {
  const std::size_t count = rows.count * rows.width;
  if (dtype_ == gguf::Dtype::f32) {
    if (rows.f64 != nullptr) narrow_.assign(rows.f64, rows.f64 + count);
    put(index, std::as_bytes(std::span(rows.f64 != nullptr ? narrow_.data() : rows.f32, count)));
  } else {
    assert(dtype_ == gguf::Dtype::f64);
    if (rows.f32 != nullptr) wide_.assign(rows.f32, rows.f32 + count);
    put(index, std::as_bytes(std::span(rows.f32 != nullptr ? wide_.data() : rows.f64, count)));
  }
}

void TraceWriter::append(std::size_t index, const Statistics& s, const Samples& samples) {
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  const bool any = s.finite() > 0;
  const double columns[kStatisticsColumns] = {
      static_cast<double>(s.count), static_cast<double>(s.non_finite), s.mean(), s.rms(), any ? s.min : nothing,
      any ? s.max : nothing};
  put(2 * index, std::as_bytes(std::span(columns)));
  put(2 * index + 1, std::as_bytes(std::span(samples)));
}

void TraceWriter::put(std::size_t tensor, std::span<const std::byte> bytes) {
  Stream& stream = streams_[tensor];
  if (stream.waiting.size() + bytes.size() > kWaitingBytes) flush(tensor);
  if (bytes.size() < kWaitingBytes) {
    stream.waiting.insert(stream.waiting.end(), bytes.begin(), bytes.end());
    return;
  }
  writer_.write(tensor, stream.written, bytes);
  stream.written += bytes.size();
}

void TraceWriter::flush(std::size_t tensor) {
  Stream& stream = streams_[tensor];
  writer_.write(tensor, stream.written, stream.waiting);
  stream.written += stream.waiting.size();
  stream.waiting.clear();
}

void TraceWriter::finish(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions) {
  put(streams_.size() - 2, std::as_bytes(tokens));
  put(streams_.size() - 1, std::as_bytes(positions));
  for (std::size_t tensor = 0; tensor < streams_.size(); ++tensor) flush(tensor);
  writer_.commit();
}

}  // namespace assay::trace

#include "trace/trace_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::trace {
namespace {

constexpr std::string_view kStatisticsSuffix = ".statistics";
constexpr std::string_view kSamplesSuffix = ".samples";
constexpr std::size_t kMaxTokens = 1 << 26;

std::string text(const gguf::SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

TraceInfo read_info(const gguf::SafetensorsFile& file) {
  const std::string version = text(file, "assay.trace");
  if (version.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: no trace: its metadata has no assay.trace", file.name()),
                "`assay trace MODEL -p PROMPT -o FILE` writes one.");
  }
  if (version != "1") {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: a trace of version '{}'; known: 1", file.name(), printable(version, 20)));
  }
  TraceInfo info;
  const std::string content = text(file, "assay.content");
  if (content != "values" && content != "statistics") {
    throw Error(ErrorKind::input, fmt::format("{}: assay.content is '{}', not values or statistics", file.name(),
                                              printable(content, 20)));
  }
  info.content = content == "values" ? Content::values : Content::statistics;
  info.model = text(file, "model");
  info.model_sha256 = text(file, "model.sha256");
  info.engine = text(file, "engine");
  info.arithmetic = text(file, "arithmetic");
  info.command = text(file, "command");
  const std::string prompt = text(file, "prompt_tokens");
  const auto end = std::from_chars(prompt.data(), prompt.data() + prompt.size(), info.prompt_tokens);
  if (end.ec != std::errc{} || end.ptr != prompt.data() + prompt.size()) {
    throw Error(ErrorKind::input,
                fmt::format("{}: prompt_tokens is '{}', not a number", file.name(), printable(prompt, 20)));
  }
  return info;
}

}  // namespace

std::size_t sample_channel(std::size_t index, std::size_t channels) {
  constexpr std::size_t kFirst = kSamples / 2;
  if (index < kFirst) return std::min(index, channels - 1);
  return channels - std::min(kSamples - index, channels);
}

Trace Trace::open(const std::filesystem::path& path) {
  Trace trace;
  trace.file_ = gguf::SafetensorsFile::open(path);
  trace.info_ = read_info(trace.file_);
  trace.tokens_ = trace.read_integers("tokens");
  trace.positions_ = trace.read_integers("positions");
  if (trace.positions_.size() != trace.tokens_.size() || trace.info_.prompt_tokens > trace.tokens_.size()) {
    throw Error(
        ErrorKind::input,
        fmt::format("{}: {} tokens, {} positions, {} prompt tokens: they contradict each other", trace.file_.name(),
                    trace.tokens_.size(), trace.positions_.size(), trace.info_.prompt_tokens));
  }
  for (const gguf::SafeTensor& tensor : trace.file_.tensors()) {
    std::string_view name = tensor.name;
    if (name == "tokens" || name == "positions") continue;
    if (trace.info_.content == Content::values) {
      trace.check_shape(&tensor, tensor.name, 0);
    } else {
      if (name.ends_with(kSamplesSuffix)) continue;
      if (!name.ends_with(kStatisticsSuffix)) {
        throw Error(ErrorKind::input, fmt::format("{}: tensor '{}' has no place in a trace of statistics",
                                                  trace.file_.name(), printable(name)));
      }
      name.remove_suffix(kStatisticsSuffix.size());
      trace.check_shape(&tensor, tensor.name, kStatisticsColumns);
      const std::string samples = fmt::format("{}{}", name, kSamplesSuffix);
      trace.check_shape(trace.file_.find(samples), samples, kSamples);
    }
    trace.taps_.push_back({std::string(name), static_cast<std::size_t>(tensor.shape[0])});
  }
  return trace;
}

void Trace::check_shape(const gguf::SafeTensor* tensor, const std::string& name, std::size_t columns) const {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorKind::input, fmt::format("{}: tensor '{}': {}", file_.name(), printable(name), problem));
  };
  if (tensor == nullptr) fail("is missing");
  if (tensor->dtype != gguf::Dtype::f64 && tensor->dtype != gguf::Dtype::f32) {
    fail(fmt::format("dtype {}, not F32 or F64", gguf::name(tensor->dtype)));
  }
  if (tensor->shape.size() != 2 || tensor->shape[1] == 0 || (columns > 0 && tensor->shape[1] != columns)) {
    fail("not of the shape that a trace has");
  }
  if (tensor->shape[0] != tokens_.size()) {
    fail(fmt::format("{} rows for {} tokens", tensor->shape[0], tokens_.size()));
  }
}

std::vector<std::int32_t> Trace::read_integers(std::string_view name) const {
  const gguf::SafeTensor* tensor = file_.find(name);
  if (tensor == nullptr || tensor->shape.size() != 1 || tensor->dtype != gguf::Dtype::i32 ||
      tensor->values() > kMaxTokens) {
    throw Error(ErrorKind::input, fmt::format("{}: a trace needs a tensor '{}' of I32 [tokens]", file_.name(), name));
  }
  std::vector<double> values(static_cast<std::size_t>(tensor->values()));
  gguf::read_values(*tensor, 0, values.size(), values.data());
  return {values.begin(), values.end()};
}

const gguf::SafeTensor& Trace::tensor(std::size_t tap, std::string_view suffix) const {
  return *file_.find(fmt::format("{}{}", taps_[tap].name, suffix));
}

std::vector<double> Trace::read_row(const gguf::SafeTensor& tensor, std::size_t row) const {
  std::vector<double> values(static_cast<std::size_t>(tensor.shape[1]));
  gguf::read_values(tensor, row * values.size(), values.size(), values.data());
  return values;
}

std::vector<double> Trace::row(std::size_t tap, std::size_t row) const { return read_row(tensor(tap), row); }

Statistics Trace::statistics(std::size_t tap, std::size_t row) const {
  if (info_.content == Content::values) {
    const std::vector<double> values = read_row(tensor(tap), row);
    return measure(values.data(), values.size());
  }
  const std::vector<double> stored = read_row(tensor(tap, kStatisticsSuffix), row);
  constexpr double kMost = 0x1p53;
  const auto count = [&](double number) {
    if (number >= 0 && number <= kMost) return static_cast<std::uint64_t>(number);
    throw Error(ErrorKind::input, fmt::format("{}: tensor '{}{}': row {} has a count of {}", file_.name(),
                                              printable(taps_[tap].name), kStatisticsSuffix, row, number));
  };
  Statistics statistics;
  statistics.count = count(stored[0]);
  statistics.non_finite = std::min(count(stored[1]), statistics.count);
  if (statistics.finite() == 0) return statistics;
  const auto finite = static_cast<double>(statistics.finite());
  statistics.sum = stored[2] * finite;
  statistics.sum_of_squares = stored[3] * stored[3] * finite;
  statistics.min = stored[4];
  statistics.max = stored[5];
  return statistics;
}

Samples Trace::samples(std::size_t tap, std::size_t row) const {
  Samples samples;
  if (info_.content == Content::statistics) {
    const std::vector<double> stored = read_row(tensor(tap, kSamplesSuffix), row);
    std::copy_n(stored.begin(), kSamples, samples.begin());
    return samples;
  }
  const std::vector<double> values = read_row(tensor(tap), row);
  for (std::size_t i = 0; i < kSamples; ++i) samples[i] = values[sample_channel(i, values.size())];
  return samples;
}

}  // namespace assay::trace

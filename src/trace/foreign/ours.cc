#include "trace/foreign/ours.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "trace/trace_file.h"

namespace assay::trace {
namespace {

/// Statistics and samples are stored in float64; their last bits are not promised.
Fact exact(FactKind kind, std::size_t row, std::size_t channel, double value) {
  return {kind, row, channel, value, std::abs(value) * 0x1p-48};
}

ForeignTap facts_of(const Trace& ours, std::size_t index, std::size_t channels) {
  ForeignTap tap;
  tap.name = tap.given_name = ours.taps()[index].name;
  tap.channels = channels;
  for (std::size_t row = 0; row < ours.taps()[index].rows; ++row) {
    const Statistics statistics = ours.statistics(index, row);
    tap.facts.push_back({FactKind::non_finite, row, 0, static_cast<double>(statistics.non_finite), 0});
    if (statistics.finite() > 0) {
      tap.facts.push_back(exact(FactKind::mean, row, 0, statistics.mean()));
      tap.facts.push_back(exact(FactKind::rms, row, 0, statistics.rms()));
      tap.facts.push_back(exact(FactKind::min, row, 0, statistics.min));
      tap.facts.push_back(exact(FactKind::max, row, 0, statistics.max));
    }
    const Samples samples = ours.samples(index, row);
    for (std::size_t i = 0; i < kSamples; ++i) {
      tap.facts.push_back(exact(FactKind::value, row, sample_channel(i, channels), samples[i]));
    }
  }
  return tap;
}

}  // namespace

std::vector<Array> arrays_of(const std::shared_ptr<const gguf::SafetensorsFile>& file) {
  std::vector<Array> arrays;
  for (const gguf::SafeTensor& tensor : file->tensors()) {
    arrays.push_back({tensor.name, tensor.dtype, tensor.shape, false, tensor.data, file});
  }
  return arrays;
}

std::vector<Array> read_ours(const std::filesystem::path& path, const model::Plan& plan, ForeignTrace& trace) {
  const Trace ours = Trace::open(path);
  trace.arithmetic = ours.info().arithmetic;
  trace.tokens.assign(ours.tokens().begin(), ours.tokens().end());
  trace.prompt_tokens = ours.info().prompt_tokens;
  if (ours.info().content == Content::values) {
    trace.format = "trace of Assay";
    std::vector<Array> arrays = arrays_of(std::make_shared<gguf::SafetensorsFile>(gguf::SafetensorsFile::open(path)));
    std::erase_if(arrays, [](const Array& array) { return array.name == "tokens" || array.name == "positions"; });
    return arrays;
  }
  trace.format = "trace of Assay, statistics only";
  for (std::size_t i = 0; i < ours.taps().size(); ++i) {
    const std::string& name = ours.taps()[i].name;
    const auto value = std::find_if(plan.values.begin(), plan.values.end(),
                                    [&](const model::Value& known) { return known.tap == name; });
    if (value == plan.values.end()) {
      trace.extra.push_back(fmt::format("{}: no tap of this model", printable(name)));
    } else if (ours.taps()[i].rows > 0 && ours.statistics(i, 0).count != value->width) {
      trace.extra.push_back(fmt::format("{}: rows of {} values, the model's have {}", printable(name),
                                        ours.statistics(i, 0).count, value->width));
    } else {
      trace.taps.push_back(facts_of(ours, i, value->width));
    }
  }
  return {};
}

}  // namespace assay::trace

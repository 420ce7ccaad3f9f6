// Any bytes as a dump of another engine, of a model that is made up here: they are refused with an Error, or every tap
// that comes out has the rows, channels and tokens that it says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gguf/file.h"
#include "model/plan.h"
#include "trace/foreign/assemble.h"
#include "trace/foreign/names.h"
#include "trace/foreign/npy.h"
#include "trace/foreign/npz.h"
#include "trace/foreign/plain.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace): a program of the tests

constexpr std::size_t kWidth = 8;
constexpr std::size_t kVocabulary = 16;

/// One rotation and one product, of four tokens' width.
model::Plan make_plan() {
  static const std::vector<gguf::Tensor> tensors = [] {
    std::vector<gguf::Tensor> made(2);
    made[0].name = "blk.0.attn_q.weight";
    made[1].name = "output.weight";
    return made;
  }();
  model::Plan plan;
  plan.weights = {tensors.data(), &tensors[1]};
  plan.values = {{"embed", kWidth}, {"blk.0.q", kWidth}, {"blk.0.q_rope", kWidth}, {"logits", kVocabulary}};
  plan.steps = {{model::Embed{1}, {}, 0},
                {model::Linear{0}, {0}, 1},
                {model::Rope{model::RopePairing::neighbours, 4, {1, 0.1}}, {1}, 2},
                {model::Linear{1}, {2}, 3}};
  plan.logits = 3;
  plan.vocabulary = kVocabulary;
  plan.layers = 1;
  return plan;
}

void check(const trace::ForeignTrace& trace, const model::Plan& plan) {
  for (const trace::ForeignTap& tap : trace.taps) {
    std::size_t width = 0;
    for (const model::Value& value : plan.values) width = value.tap == tap.name ? value.width : width;
    if (width == 0 || tap.channels != width || tap.values.size() != tap.rows.size() * width) std::abort();
    for (const std::size_t row : tap.rows) {
      if (row >= trace.token_count && !trace.tokens.empty()) std::abort();
    }
    for (const trace::Fact& fact : tap.facts) {
      if (fact.channel >= width) std::abort();
    }
  }
}

void read(std::span<const std::byte> bytes) {
  static const model::Plan plan = make_plan();
  const trace::Names names(plan, {});
  trace::ForeignTrace trace;
  trace::ForeignOptions options;
  // What the oracle would say: anything that varies.
  std::vector<double> ours;
  options.reference = [&](std::span<const std::int32_t> tokens, model::ValueId value) -> std::span<const double> {
    if (tokens.size() > 64) return {};
    ours.resize(tokens.size() * plan.values[static_cast<std::size_t>(value)].width);
    for (std::size_t i = 0; i < ours.size(); ++i) ours[i] = static_cast<double>((i * 7 + 3) % 11) - 5;
    return ours;
  };
  std::vector<trace::Array> arrays;
  if (trace::is_npy(bytes)) {
    arrays.push_back(trace::parse_npy("fuzz", "blk.0.q", bytes, nullptr));
  } else if (bytes.size() > 1 && bytes[0] == std::byte{'P'} && bytes[1] == std::byte{'K'}) {
    arrays = trace::read_npz("fuzz", bytes);
  } else {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    trace::read_text("fuzz", text, plan, names, options, trace);
  }
  trace::assemble(trace, std::move(arrays), plan, names, options);
  check(trace, plan);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  try {
    read(std::as_bytes(std::span(data, size_bytes)));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::unsupported) std::abort();
  }
  return 0;
}

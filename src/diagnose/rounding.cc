#include "diagnose/rounding.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace assay::diagnose {
namespace {

using engine::Arithmetic;

constexpr double kFloat32Roundoff = 0x1p-24;

/// Sixteen lanes round less than one long sum does: sqrt(16) times, and twice that for chance. Where inputs are rounded
/// the order of the sum matters little.
double margin(Arithmetic arithmetic) { return arithmetic == Arithmetic::f32 ? 8 : 3; }

/// Decoding a weight, an exponential or a square root in float32 costs some roundoffs more than the declared ones.
constexpr double kFloat32Floor = 8 * kFloat32Roundoff;

/// An angle kept in float32 is off by its own roundoff, which the oracle's float32 is not.
double angle_error(const Replay& replay, std::size_t step) {
  const auto* rope = std::get_if<model::Rope>(&replay.plan().steps[step].operation);
  if (rope == nullptr || rope->frequencies.empty()) return 0;
  const auto& positions = replay.passage().positions;
  const std::size_t last = *std::max_element(positions.begin(), positions.end());
  const double fastest = *std::max_element(rope->frequencies.begin(), rope->frequencies.end());
  return 4 * kFloat32Roundoff * static_cast<double>(last) * fastest;
}

Arithmetic of_dump(gguf::Dtype dtype, Arithmetic arithmetic) {
  if (arithmetic != Arithmetic::f32) return arithmetic;
  if (dtype == gguf::Dtype::f16) return Arithmetic::f16;
  return dtype == gguf::Dtype::bf16 ? Arithmetic::bf16 : arithmetic;
}

}  // namespace

std::string_view name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::f64:
      return "f64";
    case Arithmetic::f32:
      return "f32";
    case Arithmetic::f16:
      return "f16";
    case Arithmetic::bf16:
      return "bf16";
    case Arithmetic::f16acc:
      return "f16acc";
    case Arithmetic::q8:
      return "q8";
  }
  return "";
}

std::string_view arithmetic_of(std::string_view fault) {
  constexpr std::pair<std::string_view, Arithmetic> kKnown[] = {{"f16_storage", Arithmetic::f16},
                                                                {"bf16_storage", Arithmetic::bf16},
                                                                {"q8_activations", Arithmetic::q8},
                                                                {"f16_accumulation", Arithmetic::f16acc}};
  for (const auto& [known, arithmetic] : kKnown) {
    if (known == fault) return name(arithmetic);
  }
  return fault;
}

double bound(Replay& replay, std::size_t step, Arithmetic arithmetic) {
  const Arithmetic coarser = of_dump(replay.given(step)->dtype, arithmetic);
  return margin(coarser) * replay.expected(step, coarser) + kFloat32Floor + angle_error(replay, step);
}

}  // namespace assay::diagnose

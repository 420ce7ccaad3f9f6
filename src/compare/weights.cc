#include "compare/weights.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compare/weight_meter.h"
#include "hugging_face/family.h"

namespace assay::compare {
namespace {

using Kind = Arrangement::Kind;

/// Another matrix, or another order of one, is farther off than this.
constexpr double kSameOrder = 0.5;

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

bool is_rotated(std::string_view name) {
  return ends_with_any(name, {".attn_q.weight", ".attn_k.weight", ".attn_q.bias", ".attn_k.bias"});
}

bool is_norm(std::string_view name) { return name.ends_with("norm.weight"); }

/// Tables that follow from hyper-parameters, and scales of activations; some files hold them, some do not.
bool is_computed(std::string_view name) {
  return ends_with_any(name, {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight",
                              ".rotary_emb.inv_freq", ".input_scale"});
}

/// The side that is a GGUF file, when the other is Hugging Face's.
const WeightSource* converted_side(const WeightSource& reference, const WeightSource& candidate) {
  if (reference.is_gguf() == candidate.is_gguf()) return nullptr;
  return reference.is_gguf() ? &reference : &candidate;
}

/// Says in words what the arrangement is, and whether a converter is known to make it.
class Judge {
 public:
  Judge(const WeightSource& reference, const WeightSource& candidate)
      : converted_(converted_side(reference, candidate)),
        to_gguf_(candidate.is_gguf()),
        head_width_(candidate.head_width() ? candidate.head_width() : reference.head_width()) {}

  std::optional<std::size_t> head_width() const { return head_width_; }

  void judge(WeightDifference& d, bool same_name) const {
    if (!same_name) judge_tied(d);
    switch (d.arrangement.kind) {
      case Kind::same:
        judge_same(d);
        break;
      case Kind::halves_to_pairs:
      case Kind::pairs_to_halves:
        judge_permuted(d);
        break;
      case Kind::transposed:
        say(d, "transposed", true);
        break;
      case Kind::renamed:
        say(d, "rows and columns are exchanged in the shape, the bytes lie in the same order", true);
        break;
    }
    judge_offset(d);
    if (d.non_finite_candidate > d.non_finite_reference) {
      say(d,
          fmt::format("{} values that are not finite, the first in block {}", d.non_finite_candidate,
                      d.first_non_finite_block.value_or(0)),
          true);
    }
    if (d.lost_blocks > 0) say(d, fmt::format("{} blocks of the reference became zeros", d.lost_blocks), true);
    if (d.saturated_scales > 0) say(d, fmt::format("{} blocks with a saturated scale", d.saturated_scales), true);
  }

 private:
  static void say(WeightDifference& d, const std::string& words, bool suspicious) {
    d.note += fmt::format("{}{}", d.note.empty() ? "" : "; ", words);
    d.is_suspicious = d.is_suspicious || suspicious;
  }

  static void judge_tied(WeightDifference& d) {
    if (d.relative_error < kSameOrder) return say(d, "tied to token_embd.weight in one file; legal", false);
    say(d, "one file has token_embd.weight in its place, which is another matrix", true);
  }

  void judge_same(WeightDifference& d) const {
    if (wants_pairs(false) && is_rotated(d.name) && d.relative_error < kSameOrder) {
      say(d,
          fmt::format(
              "rows are in Hugging Face's order in both files, but GGUF's {} architecture wants them permuted for rope",
              converted_->architecture()),
          true);
    }
    if (d.values > 1 && d.relative_error > kSameOrder) judge_scale(d);
  }

  /// Whether converters exchange rows of q and k; `unknown` for an architecture that is not known here.
  bool wants_pairs(bool unknown) const {
    return converted_ != nullptr && hugging_face::has_neighbour_pairs(converted_->architecture()).value_or(unknown);
  }

  static void judge_scale(WeightDifference& d) {
    // |c - r|^2 = |c|^2 + |r|^2 - 2 <c, r> gives the cosine.
    const double r2 = d.rms_reference * d.rms_reference;
    const double c2 = d.rms_candidate * d.rms_candidate;
    const double product = (r2 + c2 - d.relative_error * d.relative_error * r2) / 2;
    constexpr double kParallel = 0.99;
    if (r2 > 0 && c2 > 0 && std::abs(product) > kParallel * std::sqrt(r2 * c2)) {
      say(d, fmt::format("the reference times {:.6g}", product / r2), true);
    }
  }

  void judge_permuted(WeightDifference& d) const {
    const bool pairs = d.arrangement.kind == Kind::halves_to_pairs;
    const bool right_width = !head_width_ || *head_width_ == d.arrangement.head_width;
    if (wants_pairs(true) && pairs == to_gguf_ && is_rotated(d.name) && right_width) {
      say(d, "rows permuted as convert_hf_to_gguf does for rope; legal", false);
      return;
    }
    say(d,
        fmt::format("rows permuted within heads of {}, rotary {}{}", d.arrangement.head_width,
                    pairs ? "halves made pairs" : "pairs made halves",
                    right_width ? "" : fmt::format(", where the model's heads are {} wide", *head_width_)),
        true);
  }

  void judge_offset(WeightDifference& d) const {
    if (d.offset == 0) return;
    const bool gemma = converted_ != nullptr && converted_->architecture().starts_with("gemma");
    const bool legal = gemma && (d.offset > 0) == to_gguf_;
    say(d,
        fmt::format("the reference {} 1{}", d.offset > 0 ? "plus" : "minus",
                    legal ? ", as convert_hf_to_gguf does for norms kept as 1 + w; legal" : ""),
        !legal);
  }

  const WeightSource* converted_;
  bool to_gguf_;
  std::optional<std::size_t> head_width_;
};

class Comparer {
 public:
  Comparer(const WeightSource& reference, const WeightSource& candidate, int threads,
           const std::function<void(std::uint64_t)>& on_progress)
      : reference_(reference),
        candidate_(candidate),
        judge_(reference, candidate),
        threads_(threads),
        on_progress_(on_progress) {}

  WeightComparison run() {
    for (const auto& [name, tensor] : reference_.tensors()) {
      if (const WeightTensor* other = counterpart(candidate_, name)) {
        compare(name, tensor, *other);
      } else if (!is_computed(name) && !(tensor.is_needless && candidate_.is_gguf())) {
        result_.missing.push_back(name);
      }
      done_ += tensor.values();
      if (on_progress_) on_progress_(done_);
    }
    for (const auto& [name, tensor] : candidate_.tensors()) {
      if (reference_.tensors().count(name) > 0) continue;
      if (const WeightTensor* other = counterpart(reference_, name)) {
        compare(name, *other, tensor);
      } else if (!is_computed(name)) {
        result_.extra.push_back(name);
      }
    }
    std::stable_sort(result_.tensors.begin(), result_.tensors.end(),
                     [](const auto& a, const auto& b) { return a.relative_error > b.relative_error; });
    result_.relative_error = norms_.difference == 0 ? 0 : std::sqrt(norms_.difference / norms_.reference);
    return std::move(result_);
  }

 private:
  static const WeightTensor* counterpart(const WeightSource& source, const std::string& name) {
    const auto& tensors = source.tensors();
    auto found = tensors.find(name);
    if (found == tensors.end() && name == kHeadName) found = tensors.find(kTableName);
    return found == tensors.end() ? nullptr : &found->second;
  }

  void compare(const std::string& name, const WeightTensor& reference, const WeightTensor& candidate) {
    for (const WeightTensor* tensor : {&reference, &candidate}) {
      if (tensor->is_decodable()) continue;
      result_.mismatched.push_back({name, fmt::format("type {} cannot be decoded", tensor->type)});
      return;
    }
    const auto arrangement = find_arrangement(reference, candidate, judge_.head_width());
    if (!arrangement) {
      result_.mismatched.push_back({name, fmt::format("shape [{}] against [{}]", fmt::join(reference.shape, ", "),
                                                      fmt::join(candidate.shape, ", "))});
      return;
    }
    WeightDifference d;
    d.name = name;
    d.reference_name = reference.file_name;
    d.candidate_name = candidate.file_name;
    d.reference_type = reference.type;
    d.candidate_type = candidate.type;
    d.shape = candidate.shape;
    d.arrangement = *arrangement;
    SquaredNorms norms = measure_weights(reference, candidate, threads_, d);
    // Of large weights 1 is little.
    const bool is_off_by_one = norms.difference > 0.25 * static_cast<double>(d.values);
    if (is_norm(name) && (d.relative_error > 0.1 || is_off_by_one)) norms = try_offsets(reference, candidate, d, norms);
    judge_.judge(d, reference.name == candidate.name);
    norms_.difference += norms.difference;
    norms_.reference += norms.reference;
    result_.tensors.push_back(std::move(d));
  }

  SquaredNorms try_offsets(const WeightTensor& reference, const WeightTensor& candidate, WeightDifference& d,
                           SquaredNorms norms) {
    constexpr double kByFar = 0.1;
    for (const double offset : {1.0, -1.0}) {
      WeightDifference other = d;
      other.arrangement = {};
      other.offset = offset;
      const SquaredNorms with_offset = measure_weights(reference, candidate, threads_, other);
      if (with_offset.difference >= kByFar * kByFar * norms.difference) continue;
      d = std::move(other);
      return with_offset;
    }
    return norms;
  }

  const WeightSource& reference_;
  const WeightSource& candidate_;
  Judge judge_;
  int threads_;
  const std::function<void(std::uint64_t)>& on_progress_;
  std::uint64_t done_ = 0;
  SquaredNorms norms_;
  WeightComparison result_;
};

}  // namespace

bool WeightComparison::has_faults() const {
  return !missing.empty() || !extra.empty() || !mismatched.empty() ||
         std::any_of(tensors.begin(), tensors.end(), [](const WeightDifference& d) { return d.is_suspicious; });
}

WeightComparison compare_weights(const WeightSource& reference, const WeightSource& candidate, int threads,
                                 const std::function<void(std::uint64_t)>& on_progress) {
  return Comparer(reference, candidate, threads, on_progress).run();
}

}  // namespace assay::compare

#include <algorithm>
#include <cmath>
#include <vector>

#include "diagnose/faults/attend.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/solve.h"
#include "model/hyper_parameters.h"

namespace assay::diagnose {
namespace {

Matrix scaled(const Site& here, double scale) {
  Look look(here);
  look.attention.scale = scale;
  return attend(here, look);
}

/// Some heads of the last rows, which see the most keys.
class Sample {
 public:
  explicit Sample(const Site& site)
      : site_(site), look_(site), queries_(last_rows(site.input(0))), given_(some_heads(last_rows(*site.given))) {
    look_.q = &queries_;
    look_.attention.heads = std::min(kMost, look_.attention.heads);
    look_.sees = [of = look_.attention, before = site.input(0).rows - queries_.rows](std::size_t row, std::size_t key) {
      return sees_rightly(of, before + row, key);
    };
  }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  double error(double scale) {
    look_.attention.scale = scale;
    return disagreement(some_heads(attend(site_, look_)), given_);
  }

 private:
  static constexpr std::size_t kMost = 4;

  static Matrix last_rows(const Matrix& all) {
    Matrix some(std::min(kMost, all.rows), all.width);
    std::copy_n(all.row(all.rows - some.rows), some.values.size(), some.values.begin());
    return some;
  }
  Matrix some_heads(const Matrix& all) const {
    Matrix some(all.rows, std::min(kMost, look_.attention.heads) * look_.attention.value_width);
    for (std::size_t i = 0; i < some.rows; ++i) std::copy_n(all.row(i), some.width, some.row(i));
    return some;
  }

  const Site& site_;
  Look look_;
  Matrix queries_;
  Matrix given_;
};

std::vector<Usual> usual_scales(const Site& site, const model::Attention& attention) {
  const auto channels = static_cast<double>(attention.head_width);
  const auto heads = static_cast<double>(attention.heads);
  const auto width = static_cast<double>(site.hyper_parameters().embedding_length);
  return {{attention.scale, ""},
          {1, "1"},
          {1 / std::sqrt(channels), "1/sqrt(d_head)"},
          {1 / channels, "1/d_head"},
          {1 / std::sqrt(width), "1/sqrt(n_embd)"},
          {1 / std::sqrt(width / heads), "1/sqrt(n_embd/n_head)"},
          {1 / std::sqrt(heads), "1/sqrt(n_head)"},
          {attention.scale * attention.scale, "the right one squared"},
          {std::sqrt(attention.scale), "the root of the right one"}};
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr || site.passage.tokens.size() < 2) return;
  std::vector<Usual> scales = usual_scales(site, *attention);
  if (site.given != nullptr) {
    Sample sample(site);
    const double widest = std::log(1024.0);
    const double solved = minimize(
        -widest, widest, 28, [&](double log_ratio) { return sample.error(attention->scale * std::exp(log_ratio)); });
    const auto error = [&](double scale) { return sample.error(scale); };
    scales = settle(attention->scale * std::exp(solved), scales, error);
    if (scales.front().value == attention->scale) return;
  }
  std::vector<double> tried = {attention->scale};
  for (const Usual& scale : scales) {
    const bool known = std::any_of(tried.begin(), tried.end(),
                                   [&](double other) { return std::abs(other - scale.value) < 1e-9 * scale.value; });
    if (known) continue;
    tried.push_back(scale.value);
    hypotheses.push_back(
        {{{"scale", scale.text}}, [value = scale.value](const Site& here) { return scaled(here, value); }});
  }
}

Parameter prescribe(const Site& site) {
  const auto& attention = *site.operation<model::Attention>();
  for (const Usual& usual : factors_of(attention.head_width, "d_head")) {
    if (std::abs(attention.scale / usual.value - 1) < 1e-9) return {"scale", usual.text};
  }
  return {"scale", number(attention.scale)};
}

}  // namespace

const Fault kAttentionScale = {
    "attention_scale",
    "multiplies attention scores by another factor than the model's",
    "Scale q k^T once, by 1/sqrt(d_head) with the width of a head (attention.key_length), unless the "
    "architecture says otherwise.",
    "ggml-org/llama.cpp#8444 ggml-org/llama.cpp#8197 ggml-org/llama.cpp#13951 ollama/ollama#13893 "
    "vllm-project/vllm#31380 huggingface/candle#3917",
    FaultClass::mistake,
    propose,
    prescribe};

}  // namespace assay::diagnose

#include "diagnose/faults/attend.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/math.h"
#include "base/threads.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

constexpr double kUnseen = -std::numeric_limits<double>::infinity();

/// One query head; rows of `output` are as wide as all heads.
void attend_head(const Look& look, std::size_t head, Matrix& scores, Matrix& output) {
  const model::Attention& attention = look.attention;
  const std::size_t width = attention.head_width;
  const std::size_t key_at = look.key_head(head) * width;
  const std::size_t channels = attention.value_width;
  const std::size_t value_at = look.value_head(head) * channels;
  const kernels::Kernels& kernels = kernels::kernels();
  std::fill(scores.values.begin(), scores.values.end(), kUnseen);
  for (std::size_t i = 0; i < scores.rows; ++i) {
    for (std::size_t j = 0; j < scores.width; ++j) {
      if (!look.sees(i, j)) continue;
      double score = kernels.dot_exact(look.q->row(i) + head * width, look.k->row(j) + key_at, width) * attention.scale;
      if (attention.soft_cap != 0) score = attention.soft_cap * portable_tanh(score / attention.soft_cap);
      scores.row(i)[j] = score;
    }
  }
  if (look.weigh) {
    look.weigh(scores);
  } else {
    softmax(scores, look.sinks.empty() ? kUnseen : look.sinks[head]);
  }
  for (std::size_t i = 0; i < scores.rows; ++i) {
    double* out = output.row(i) + head * channels;
    for (std::size_t j = 0; j < scores.width; ++j) {
      const double weight = scores.row(i)[j];
      if (weight == 0) continue;
      const double* value = look.v->row(j) + value_at;
      for (std::size_t c = 0; c < channels; ++c) out[c] += weight * value[c];
    }
  }
}

}  // namespace

bool sees_rightly(const model::Attention& attention, std::size_t row, std::size_t key) {
  return key <= row && key >= attention.first_seen(row);
}

Look::Look(const Site& here)
    : q(&here.input(0)),
      k(&here.input(1)),
      v(&here.input(2)),
      attention(*here.operation<model::Attention>()),
      key_head([shared = attention.heads / attention.kv_heads](std::size_t head) { return head / shared; }),
      value_head(key_head) {
  if (attention.sinks != model::kNoWeight) sinks = here.stepper.decode(attention.sinks).values;
  sees = [of = attention](std::size_t row, std::size_t key) { return sees_rightly(of, row, key); };
  if (here.look == nullptr) return;
  *this = *here.look;
  if (here.changed != nullptr) attention = *here.operation<model::Attention>();
}

void softmax(Matrix& scores, double sink) {
  for (std::size_t i = 0; i < scores.rows; ++i) {
    double* row = scores.row(i);
    const double max = std::max(sink, *std::max_element(row, row + scores.width));
    double sum = sink == kUnseen ? 0 : portable_exp(sink - max);
    for (std::size_t j = 0; j < scores.width; ++j) {
      row[j] = row[j] == kUnseen ? 0 : portable_exp(row[j] - max);
      sum += row[j];
    }
    for (std::size_t j = 0; j < scores.width && sum > 0; ++j) row[j] /= sum;
  }
}

Matrix attend(const Site& here, const Look& look, const model::Attention& attention) {
  Look other = look;
  other.attention = attention;
  return attend(here, other);
}

Matrix attend(const Site& here, const Look& look) {
  if (here.then != nullptr) {
    Site next = here;
    next.look = &look;
    next.then = nullptr;
    return here.then->run(next);
  }
  Matrix output(look.q->rows, look.attention.heads * look.attention.value_width);
  const int threads = here.stepper.threads_for(look.q->rows * look.k->rows * look.q->width);
  std::vector<Matrix> scores(static_cast<std::size_t>(threads), Matrix(look.q->rows, look.k->rows));
  run_team(threads, [&](const Team& team) {
    for (auto head = static_cast<std::size_t>(team.thread); head < look.attention.heads;
         head += static_cast<std::size_t>(team.threads)) {
      attend_head(look, head, scores[static_cast<std::size_t>(team.thread)], output);
    }
  });
  return output;
}

void propose_seen(const Site& site, std::vector<Parameter> parameters, const SeesOf& sees,
                  std::vector<Hypothesis>& hypotheses) {
  const auto* attention = site.operation<model::Attention>();
  if (attention == nullptr) return;
  const std::size_t rows = site.passage.tokens.size();
  bool differs = false;
  for (std::size_t i = 0; i < rows && !differs; ++i) {
    for (std::size_t j = 0; j < rows && !differs; ++j) {
      differs = sees(site.passage, i, j, *attention) != sees_rightly(*attention, i, j);
    }
  }
  if (!differs) return;
  hypotheses.push_back({std::move(parameters), [sees](const Site& here) {
                          Look look(here);
                          look.sees = [&](std::size_t row, std::size_t key) {
                            return sees(here.passage, row, key, look.attention);
                          };
                          return attend(here, look);
                        }});
}

}  // namespace assay::diagnose

#include <vector>

#include "base/threads.h"
#include "diagnose/faults/experts.h"
#include "diagnose/faults/faults.h"
#include "diagnose/faults/misread.h"
#include "kernels/kernels.h"

namespace assay::diagnose {
namespace {

/// Values [first, first + count) of the tensor's data, in float64; returns where they begin in `room`, which holds what
/// whole blocks around them need.
const double* decode_flat(const gguf::Tensor& tensor, std::size_t first, std::size_t count, double* room) {
  const std::size_t length = tensor.type->block_values;
  const std::size_t block = first / length;
  const std::size_t blocks = (first + count + length - 1) / length - block;
  const std::byte* bytes = tensor.data.data() + block * tensor.type->block_bytes;
  kernels::kernels().exact[tensor.type->id].decode(bytes, blocks * length, room);
  return room + first % length;
}

/// E'[token][c] = flat[c * tokens + token]
Matrix embed_transposed(const Site& site) {
  const gguf::Tensor& table = *matrix_of(site);
  Matrix output(site.passage.tokens.size(), static_cast<std::size_t>(table.row_values()));
  double block[quant::kMaxBlockValues];
  for (std::size_t i = 0; i < output.rows; ++i) {
    for (std::size_t c = 0; c < output.width; ++c) {
      const std::size_t at = c * table.rows() + static_cast<std::size_t>(site.passage.tokens[i]);
      output.row(i)[c] = *decode_flat(table, at, 1, block);
    }
  }
  return output;
}

/// W'[o][i] = flat[i * outputs + o], of a matrix that is some rows of a tensor's those of the tensor's. Each thread has
/// its share of outputs and adds up the inputs in ascending order.
Matrix multiply_transposed(const Site& site) {
  const gguf::Tensor& weight = *matrix_of(site);
  const gguf::Tensor& whole = weight.whole != nullptr ? *weight.whole : weight;
  const std::size_t outputs = static_cast<std::size_t>(whole.rows());
  const std::size_t first = static_cast<std::size_t>(weight.data.data() - whole.data.data()) / whole.row(0).size();
  const Matrix& x = site.input(0);
  Matrix output(x.rows, static_cast<std::size_t>(weight.rows()));
  const std::size_t longest = output.width + std::size_t{2} * quant::kMaxBlockValues;
  const int threads = site.stepper.threads_for(x.rows * weight.values());
  std::vector<double> own(static_cast<std::size_t>(threads) * longest);
  run_team(threads, [&](const Team& team) {
    double* room = own.data() + static_cast<std::size_t>(team.thread) * longest;
    const auto [begin, end] = team.share(output.width);
    if (begin == end) return;
    for (std::size_t i = 0; i < x.width; ++i) {
      const double* column = decode_flat(whole, i * outputs + first + begin, end - begin, room);
      for (std::size_t row = 0; row < x.rows; ++row) {
        const double factor = x.row(row)[i];
        double* out = output.row(row) + begin;
        for (std::size_t o = 0; o < end - begin; ++o) out[o] += factor * column[o];
      }
    }
  });
  add_bias(site, output);
  return output;
}

/// The same for the matrix of each expert.
Matrix multiply_experts_transposed(const Site& site) {
  const auto& linear = *site.operation<model::ExpertLinear>();
  const gguf::Tensor& weight = *matrix_of(site);
  const Matrix& x = site.input(0);
  const Matrix chosen = chosen_matrices(site);
  const auto inputs = static_cast<std::size_t>(weight.row_values());
  const std::size_t size = inputs * linear.outputs;
  Matrix output(x.rows, chosen.width * linear.outputs);
  std::vector<double> room(size + std::size_t{2} * quant::kMaxBlockValues);
  for (std::size_t expert = 0; expert < linear.experts; ++expert) {
    const double* flat = nullptr;
    for (std::size_t place = 0; place < chosen.values.size(); ++place) {
      if (chosen.values[place] != static_cast<double>(expert)) continue;
      if (flat == nullptr) flat = decode_flat(weight, expert * size, size, room.data());
      const std::size_t slot = place % chosen.width;
      const double* vector = x.row(place / chosen.width) + (x.width == inputs ? 0 : slot * inputs);
      double* out = output.row(place / chosen.width) + slot * linear.outputs;
      for (std::size_t i = 0; i < inputs; ++i) {
        for (std::size_t o = 0; o < linear.outputs; ++o) out[o] += vector[i] * flat[i * linear.outputs + o];
      }
    }
  }
  add_bias(site, output);
  return output;
}

void propose(const Site& site, std::vector<Hypothesis>& hypotheses) {
  if (matrix_of(site) == nullptr) return;
  hypotheses.push_back({{}, [](const Site& here) {
                          if (here.operation<model::ExpertLinear>() != nullptr)
                            return multiply_experts_transposed(here);
                          return here.operation<model::Embed>() != nullptr ? embed_transposed(here)
                                                                           : multiply_transposed(here);
                        }});
}

}  // namespace

const Fault kWeightTransposed = {
    "weight_transposed",
    "reads weights as [inputs, outputs] row by row although their rows are the outputs: a transposed matrix of the "
    "same shape, which every check of shapes passes",
    "ne[0], the inputs, is the length of a contiguous row; row r of the file gives output r, and row t of the "
    "embedding table is token t.",
    "JunSuzukiJapan/rustorch chrishayuk/larql#16 chrishayuk/larql#18 SKaiNET-developers/SKaiNET#1098 "
    "SKaiNET-developers/SKaiNET#1103 paiml/aprender#155 ggml-org/llama.cpp#6040 ggml-org/llama.cpp#23288",
    FaultClass::mistake,
    propose};

}  // namespace assay::diagnose

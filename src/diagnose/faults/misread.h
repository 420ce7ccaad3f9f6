// What a step gives when its weight is read wrongly: the matrix of a linear step or the table of an embedding. Norm
// weights and biases are vectors and are not misread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "diagnose/fault.h"
#include "gguf/file.h"
#include "quant/type.h"

namespace assay::diagnose {

/// The matrix of a linear step, the matrices of one of experts, or the table of an embedding; null for other steps.
const gguf::Tensor* matrix_of(const Site& site);

/// `types` are names separated by spaces: "Q4_K Q5_K".
bool is_one_of(std::string_view types, const quant::Type& type);

/// Reads row `index` of a tensor in float64, in somebody's way. It is called by several threads.
using ReadRow = std::function<void(const gguf::Tensor& tensor, std::size_t index, double* values)>;

/// The step's output if the rows of its matrix are read so; the bias is added as it is. For steps with a matrix.
Matrix run_with_rows(const Site& site, const ReadRow& read);

/// Adds the bias of a linear step, if it has one, to every row; of one of experts that of each slot's expert.
void add_bias(const Site& site, Matrix& output);

/// A block taken apart rightly, and what it was made of.
struct Block : quant::BlockIntegers {
  const quant::Type& type;
  const std::uint8_t* bytes;
  Block(const quant::Type& block_type, const std::byte* block)
      : type(block_type), bytes(reinterpret_cast<const std::uint8_t*>(block)) {
    type.take_apart(block, *this);
  }
  std::span<std::int16_t> quants() { return std::span(quant).first(type.block_values); }
};

/// Makes of a block what the engine takes it for.
using Misread = void (*)(Block& block);

/// A weight of the plan by its tensor's name, or kNoWeight.
model::WeightId find_weight(const Site& site, std::string_view name);

/// The step's output with another weight for its matrix, of the same shape; the bias stays.
Matrix run_with_weight(const Site& site, model::WeightId weight);

/// Appends the hypothesis that blocks of these types are misread so, if the step's matrix is of one of them. A matrix
/// of another type is read rightly.
void propose_misread(const Site& site, std::vector<Hypothesis>& hypotheses, std::string_view types,
                     std::vector<Parameter> parameters, Misread misread);

/// `quant[i]` keeps its own bits but for those of `mask`, which it gets from quant[from(i)].
template <typename From>
void move_bits(std::int16_t* quant, std::size_t count, unsigned mask, From from) {
  std::int16_t old[quant::kMaxBlockValues];
  for (std::size_t i = 0; i < count; ++i) old[i] = quant[i];
  for (std::size_t i = 0; i < count; ++i) {
    const auto own = static_cast<unsigned>(old[i]) & ~mask;
    quant[i] = static_cast<std::int16_t>(own | (static_cast<unsigned>(old[from(i)]) & mask));
  }
}

}  // namespace assay::diagnose

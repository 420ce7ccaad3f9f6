// A weight that somebody dumped beside the file's tensor: which of the ways to lay out the same values it is, if any.
//
// The file's matrix W is [outputs, inputs], its rows contiguous. Of an array of as many values, value k is
//   rows        W[o][i] with k = o * inputs + i
//   columns     W[o][i] with k = i * outputs + o
//   scrambled   k = o * inputs + i holds value i * outputs + o of the file: its rows were taken for [inputs, outputs]
// and with each of these the rows o may be permuted within heads as converters do for rotary embedding.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "diagnose/matrix.h"
#include "gguf/file.h"
#include "trace/foreign/array.h"

namespace assay::diagnose {

enum class WeightOrder { rows, columns, scrambled };

struct WeightPlace {
  WeightOrder order = WeightOrder::rows;
  std::size_t head_width = 0;  ///< of permuted rows; 0: not permuted
  bool to_halves = false;      ///< their row r of a head is ours 2r, 2r + 1 one half on; else the reverse
};

/// What an array's shape says of itself.
enum class WeightShape {
  outputs_first,
  inputs_first,
  square,
  flat,   ///< a vector, or a matrix in one dimension
  other,  ///< another number of values
};

/// How their values at some places of the file's matrix compare with the file's.
struct WeightMatch {
  double residual = 0;         ///< |theirs - ours| / |ours|
  double factor = 0;           ///< by which ours fit theirs best
  double residual_scaled = 0;  ///< |theirs - factor * ours| / |theirs|
};

class WeightPair {
 public:
  /// Both must outlive the pair. The tensor must be decodable, and the array of floats. `scales` multiply the tensor's
  /// equal parts, from the first row on; empty: 1.
  WeightPair(const gguf::Tensor& ours, const trace::Array& theirs, std::vector<double> scales = {});

  WeightShape shape() const { return shape_; }
  bool is_vector() const { return inputs_ == 1; }
  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }

  /// Compares some rows of the file with theirs at that place.
  WeightMatch match(const WeightPlace& place) const;
  /// The rows that match() looks at: of the file's matrix, of theirs, and which they are.
  const std::vector<std::size_t>& sampled() const { return sampled_; }
  const Matrix& our_rows() const { return ours_rows_; }
  Matrix their_rows(const WeightPlace& place) const;

  /// Every value: the residual of each row, and whether all lie within the rounding of float16 and bfloat16.
  struct Whole {
    std::vector<double> residuals;  ///< |theirs - ours| of each row, over the rms of |ours| of all rows
    double residual = 0;
    bool is_rounded = true;
    std::size_t non_finite = 0;  ///< of theirs
  };
  Whole compare(const WeightPlace& place, int threads) const;

 private:
  double their_value(std::size_t k) const;
  std::size_t place_of(const WeightPlace& place, std::size_t output, std::size_t input) const;
  void decode(std::size_t output, double* values) const;

  const gguf::Tensor& tensor_;
  const trace::Array& array_;
  std::vector<double> scales_;
  std::size_t outputs_;
  std::size_t inputs_;
  std::vector<std::size_t> axes_;  // of theirs
  WeightShape shape_;
  std::vector<std::size_t> sampled_;
  Matrix ours_rows_;
};

}  // namespace assay::diagnose

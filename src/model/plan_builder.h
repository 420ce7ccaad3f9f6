// Helps an architecture to write its plan: names values, fetches weights by name and checks their shapes, and in the
// end says what was missing, misshapen or left over.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/file.h"
#include "model/hyper_parameters.h"
#include "model/plan.h"

namespace assay::model {

/// `count` rows from `first` on, of a tensor that has `of`.
struct Part {
  std::size_t first;
  std::size_t count;
  std::size_t of;
};

class PlanBuilder {
 public:
  /// `context_length`: positions that were asked for, 0: not said.
  explicit PlanBuilder(const gguf::File& file, std::size_t context_length = 0)
      : file_(file), context_length_(context_length) {}

  std::size_t context_length() const { return context_length_; }

  // Weights. A missing or misshapen tensor is noted, and finish() reports all of them at once.

  bool has(std::string_view tensor) const { return file_.find_tensor(tensor) != nullptr; }
  /// A matrix [outputs, inputs], ne = {inputs, outputs}.
  WeightId matrix(const std::string& tensor, std::size_t inputs, std::size_t outputs);
  /// One matrix an expert, ne = {inputs, outputs, experts}.
  WeightId matrices(const std::string& tensor, std::size_t inputs, std::size_t outputs, std::size_t experts);
  WeightId vector(const std::string& tensor, std::size_t width);
  WeightId optional_vector(const std::string& tensor, std::size_t width);
  /// The values of a small tensor, for tables; empty when it is absent or misshapen.
  std::vector<double> values(const std::string& tensor, std::size_t count);
  /// The same where it may be absent.
  std::vector<double> optional_values(const std::string& tensor, std::size_t count);

  // Steps. Each returns the value it writes.

  ValueId add_step(std::string tap, std::size_t width, Operation operation, std::vector<ValueId> inputs,
                   bool only_outputs = false);
  // A matrix may have a factor of its own, "<tensor>.scale", as those of NVFP4 do; a product with it is
  // "<tap>_unscaled".

  /// out = W x + bias with the tensors "<tensor>.weight" and, when it is there, "<tensor>.bias".
  ValueId linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs, bool only_outputs = false);
  /// The same where the bias must be there.
  ValueId biased_linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs);
  /// out = W x + bias with the matrices and, when it is there, the "<tensor>.bias" of the `experts` that the slots of
  /// `chosen` name. `x` is one vector for all slots, or one each.
  ValueId expert_linear(std::string tap, ValueId x, ValueId chosen, const std::string& tensor, std::size_t inputs,
                        std::size_t outputs, std::size_t experts);
  /// out = W_h x_h for each head h of x, with "<tensor>.weight" [heads, outputs, inputs].
  ValueId head_linear(std::string tap, ValueId x, const std::string& tensor, std::size_t outputs, std::size_t heads);
  /// linear() with some of the tensors' rows.
  ValueId linear(std::string tap, ValueId x, const std::string& tensor, const Part& part);
  /// Over the whole vector, with "<tensor>.weight".
  ValueId rms_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon, bool only_outputs = false);
  /// With "<tensor>.weight" and, where `is_biased`, "<tensor>.bias".
  ValueId layer_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon, bool is_biased,
                     bool only_outputs = false);
  /// Over each head of `head_width` channels, all with the same "<tensor>.weight".
  ValueId head_norm(std::string tap, ValueId x, const std::string& tensor, double epsilon, std::size_t head_width);
  /// out = a + b.
  ValueId add(std::string tap, ValueId a, ValueId b);

  /// No positions from `length` on, though the file allows more.
  void limit_context(std::size_t length) { plan_.context_limit = length; }
  /// What was chosen, for who runs the plan.
  void add_note(std::string note) { notes_.push_back(std::move(note)); }
  const std::vector<std::string>& notes() const { return notes_; }

  std::size_t width(ValueId value) const { return plan_.values[static_cast<std::size_t>(value)].width; }

  /// The plan, whose logits are the last step's value. Throws Error{input} that names the missing and misshapen
  /// tensors, Error{unsupported} when a tensor's type cannot be decoded.
  Plan finish(std::size_t context_length);

  /// Tensors of the file that no step uses, in the file's order.
  std::vector<std::string> unused_tensors() const;

 private:
  const gguf::Tensor* find_checked(const std::string& tensor, const std::vector<std::uint64_t>& ne);
  WeightId add_weight(const gguf::Tensor* tensor);
  WeightId add_part(const gguf::Tensor* tensor, const Part& part);
  ValueId add_linear(std::string tap, std::size_t outputs, const Linear& operation, ValueId x,
                     const std::string& tensor, bool only_outputs);

  const gguf::File& file_;
  std::size_t context_length_;
  Plan plan_;
  std::set<std::string, std::less<>> used_;
  std::vector<std::string> problems_;
  std::vector<std::string> undecodable_;
  std::vector<std::string> unsupported_;
  std::vector<std::string> notes_;
};

}  // namespace assay::model

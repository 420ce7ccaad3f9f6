// The text that llama.cpp's eval-callback prints (llama-eval-callback, llama-debug): for each operation a line
//
//   ggml_debug:                   Qcur-0 = (f32)    MUL_MAT(blk.0.attn_q.weight{64, 64, 1, 1}, attn_norm-0{64, 7, 1,
//   1}}) = {64, 7, 1, 1}
//
// (later "common_debug_cb_eval:"; before it may stand a time and a level), then its values in brackets, the contiguous
// dimension ne[0] innermost. Of each of the first three dimensions only the first and last three are printed, with four
// decimals and "..." between. Then "sum = ", until August 2025 of the printed values only, since then of all. Newer
// versions print the token ids before, behind "number of input tokens = ".
//
// Source: examples/eval-callback and common/debug.cpp of github.com/ggml-org/llama.cpp, read in both forms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::trace {

struct EvalTensor {
  std::size_t line = 0;  ///< of the text, from 1
  std::string name;
  std::string type;  ///< "f32"
  std::string operation;
  std::array<std::string, 2> sources;
  std::array<std::uint64_t, 4> ne{};

  struct Value {
    std::uint64_t index;  ///< with i0 the fastest
    double value;
    double resolution;
  };
  std::vector<Value> values;  ///< what is printed; empty where it does not fit `ne`
  std::optional<double> sum;
  bool has_gaps = false;

  std::uint64_t count() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
};

struct EvalText {
  std::vector<EvalTensor> tensors;
  std::vector<std::int32_t> tokens;
};

/// Whether one of the first lines is the head of an operation.
bool is_eval_text(std::string_view text);

/// Lines of other kinds are passed over, and a tensor whose values do not fit its shape has none.
EvalText parse_eval_text(std::string_view text);

}  // namespace assay::trace

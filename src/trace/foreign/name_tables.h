// What the values and weights of a model are called elsewhere, in canonical spelling: lower case, words joined by dots,
// without block number, wrappers and ".weight".
#pragma once

#include <span>
#include <string_view>

namespace assay::trace {

struct NameRow {
  std::string_view theirs;
  std::string_view ours;  ///< without "blk.N."; several between spaces, of a|b the first that there is; empty: no tap
  std::string_view remark;
  bool first_is_likely = true;
  int precedence = 0;  ///< of two names for one tap the lower is right
};

std::span<const NameRow> block_taps();  ///< inside a block
std::span<const NameRow> model_taps();  ///< outside
std::span<const NameRow> block_weights();
std::span<const NameRow> model_weights();

}  // namespace assay::trace

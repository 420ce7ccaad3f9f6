// Where a name of somebody's dump belongs: tables of what llama.cpp, Hugging Face's modules, Meta's code, llama2.c and
// Assay call the values and weights of a model. Case and punctuation do not count ("model/layers/0/self_attn/q_proj"),
// nor do wrappers in front ("model.") and words behind that say nothing ("_output").
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"
#include "trace/foreign/name_map.h"

namespace assay::trace {

enum class NameKind : std::uint8_t {
  unknown,
  tap,
  weight,
  tokens,
  generated,
  prompt_tokens,  ///< one number
  prescribed,     ///< one number, not 0: the ids behind the prompt were given to the engine
  hidden_states,  ///< Hugging Face's, stacked: the embedding, then what each block gives, the last after the final norm
  nothing,        ///< known, and of no use; `remark` says why
};

struct Named {
  NameKind kind = NameKind::unknown;
  std::vector<std::string> targets = {};  ///< taps of the plan that it may be, or the one tensor
  bool first_is_likely = true;            ///< the first of several targets holds unless the values say otherwise
  std::string remark = {};
  int precedence = 0;  ///< of two names for one tap the lower is right
};

/// "kq-3" as "kq-N", for naming once what every block has.
std::string without_number(std::string_view name);

/// "CUDA0#inp_embd#0", a copy on another device, as "inp_embd".
std::string_view without_device(std::string_view name);

class Names {
 public:
  /// The plan must outlive the names. Throws Error{input} for a map whose target is nothing of this model.
  Names(const model::Plan& plan, NameMap map);

  Named find(std::string_view given) const;

 private:
  Named from_map(std::string_view given, const std::string& target) const;
  Named from_words(const std::vector<std::string>& words) const;
  /// `block` is "blk.3." or empty.
  Named from_tables(std::string_view block, const std::string& leaf, std::string_view ending) const;
  Named tap(std::string_view name) const;
  Named weight(std::string_view name) const;

  NameMap map_;
  std::map<std::string, std::string, std::less<>> taps_;     // canonical spelling -> tap
  std::map<std::string, std::string, std::less<>> weights_;  // canonical spelling -> tensor
  std::size_t layers_;
};

}  // namespace assay::trace

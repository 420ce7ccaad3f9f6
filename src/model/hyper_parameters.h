// Hyper-parameters of a model, under GGUF's own names, checked: whoever holds a HyperParameters may divide by its head
// counts and loop over its blocks. Keys are "<architecture>.<name>" in the file; "attention." is left out of the names
// here.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::gguf {
class File;
}

namespace assay::model {

/// Positions a model may claim: base/math.h computes sines up to 2^23 radians.
inline constexpr std::size_t kMaxContextLength = std::size_t{1} << 23;

/// A key that some architectures have: "<architecture>.<name>".
struct OwnKey {
  enum class Kind {
    count,         ///< a whole number of at least 1
    positive,      ///< a finite number above 0
    not_negative,  ///< a finite number of at least 0
    flag,          ///< true or false
    present,       ///< of any kind: 1 when it is there
    period,        ///< a count, or a flag for each block: false in the last of every so many, and only there
  };
  std::string_view name;
  Kind kind;
};

/// What an architecture reads besides what all have.
struct OwnKeys {
  std::span<const OwnKey> keys = {};
  std::string_view epsilon = "attention.layer_norm_rms_epsilon";  ///< of its norms
  bool may_values_differ = false;                                 ///< attention.value_length need not be key_length
};

struct HyperParameters {
  std::string source;  ///< the file, for messages
  std::string architecture;
  std::size_t block_count;
  std::size_t context_length;
  std::size_t embedding_length;
  std::size_t feed_forward_length;
  std::size_t head_count;
  std::size_t head_count_kv;
  std::size_t key_length;         ///< channels of a head
  std::size_t value_length;       ///< the same, but where OwnKeys says otherwise
  std::size_t vocab_size;         ///< tokenizer.ggml.tokens, else vocab_size, else the rows of token_embd.weight
  std::size_t expert_count;       ///< 0: one feed-forward part for all tokens
  std::size_t expert_used_count;  ///< of each token; at most expert_count
  double norm_epsilon;
  std::size_t rope_dimension_count;
  double rope_freq_base;
  /// rope.scaling.*: "none", "linear" or "yarn"; llama3's scaling comes as the tensor rope_freqs.weight.
  std::string rope_scaling_type;
  double rope_scaling_factor;
  double rope_scaling_attn_factor;
  std::size_t rope_scaling_original_context_length;
  double rope_scaling_yarn_ext_factor;
  double rope_scaling_yarn_beta_fast;
  double rope_scaling_yarn_beta_slow;
  double rope_scaling_yarn_log_multiplier;
  std::map<std::string, double, std::less<>> own;  ///< of OwnKeys, those in the file; flags are 0 or 1

  std::optional<double> find(std::string_view name) const {
    const auto found = own.find(name);
    return found == own.end() ? std::nullopt : std::optional(found->second);
  }

  /// Keys of this architecture in the file that are not honoured.
  std::vector<std::string> ignored_keys;
};

/// Throws Error{input} that names file, key and value when a key is missing or impossible (head_count 0, a head count
/// that does not divide, an odd rope dimension, a NaN epsilon, more blocks than the file has tensors for, ...),
/// Error{unsupported} for values that only other kinds of layers could honour (heads that differ between layers,
/// value_length unlike key_length).
HyperParameters read_hyper_parameters(const gguf::File& file, const OwnKeys& own = {});

}  // namespace assay::model

// Hyper-parameters of a model, under GGUF's own names, checked.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gguf/file.h"

namespace assay::model {

struct HyperParameters {
  std::string architecture;
  std::size_t block_count;
  std::size_t context_length;
  std::size_t embedding_length;
  std::size_t feed_forward_length;
  std::size_t head_count;
  std::size_t head_count_kv;
  std::size_t key_length;  ///< channels of a head
  std::size_t vocab_size;
  double layer_norm_rms_epsilon;
  std::size_t rope_dimension_count;
  double rope_freq_base;
  /// rope.scaling.*: "none", "linear" or "yarn"; llama3's scaling comes as the tensor rope_freqs.weight.
  std::string rope_scaling_type;
  double rope_scaling_factor;
  double rope_scaling_attn_factor;
  std::size_t rope_scaling_original_context_length;
};

/// Throws Error{input} that names file, key and value when a key is missing or impossible (head_count 0, a head count that
/// does not divide, an odd rope dimension, a NaN epsilon, more blocks than the file has tensors for, ...).
HyperParameters read_hyper_parameters(const gguf::File& file);

}  // namespace assay::model

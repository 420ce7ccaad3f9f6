#include "model/hyper_parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "gguf/file.h"

namespace assay::model {
namespace {

// Far above any model there is, and small enough that products of two of them and a few tables stay harmless.
constexpr std::uint64_t kMaxWidth = 1U << 24U;
constexpr std::uint64_t kMaxHeadWidth = 1U << 16U;
constexpr std::uint64_t kMaxExperts = 1U << 16U;

constexpr std::string_view kHint =
    "The file is damaged or was converted wrongly; convert it again or get another copy.";

/// Reads "<architecture>.<name>" keys and remembers which it was asked for.
class KeyReader {
 public:
  KeyReader(const gguf::File& file, const std::string& architecture) : file_(file), prefix_(architecture + ".") {}

  [[noreturn]] void fail(std::string_view name, const std::string& problem, ErrorKind kind = ErrorKind::input) const {
    throw Error(kind, fmt::format("{}: {}{} {}", file_.name(), prefix_, name, problem),
                std::string(kind == ErrorKind::input ? kHint : ""));
  }

  const gguf::Value* find(std::string_view name) {
    asked_.push_back(prefix_ + std::string(name));
    return file_.find(asked_.back());
  }

  /// In [1, max]. Throws when absent and there is no fallback. A per-layer array counts when all its values are equal.
  std::size_t size(std::string_view name, std::uint64_t max, std::optional<std::size_t> fallback = std::nullopt) {
    const gguf::Value* value = find(name);
    if (value == nullptr) {
      if (!fallback) fail(name, "is missing");
      return *fallback;
    }
    const std::uint64_t number =
        value->type == gguf::ValueType::array ? same_in_all_layers(name) : *file_.get_uint(asked_.back());
    if (number < 1 || number > max) fail(name, fmt::format("is {}, but must be between 1 and {}", number, max));
    return static_cast<std::size_t>(number);
  }

  /// As size(), but 0 is a size too, and an absent one is 0.
  std::size_t count(std::string_view name, std::uint64_t max) {
    const gguf::Value* value = find(name);
    if (value == nullptr || (value->type != gguf::ValueType::array && file_.get_uint(asked_.back()) == 0)) return 0;
    return size(name, max);
  }

  /// Of OwnKey::Kind::period.
  std::size_t period(std::string_view name) {
    if (find(name)->type != gguf::ValueType::array) return size(name, std::numeric_limits<std::uint32_t>::max());
    const std::vector<std::int64_t> flags = file_.get_ints(asked_.back());
    if (flags.size() != block_count_) {
      fail(name, fmt::format("has {} values, but the model has {} blocks", flags.size(), block_count_));
    }
    const std::size_t period = static_cast<std::size_t>(std::find(flags.begin(), flags.end(), 0) - flags.begin()) + 1;
    for (std::size_t block = 0; block < flags.size(); ++block) {
      if ((flags[block] == 0) == ((block + 1) % period == 0)) continue;
      fail(name,
           fmt::format("is {} for block {}, where the first blocks say one of {}, which is not supported", flags[block],
                       block, period),
           ErrorKind::unsupported);
    }
    return period;
  }

  /// Finite and at least `min`, or above it.
  double number(std::string_view name, double min, bool above, std::optional<double> fallback = std::nullopt) {
    if (find(name) == nullptr) {
      if (!fallback) fail(name, "is missing");
      return *fallback;
    }
    const double value = *file_.get_float(asked_.back());
    if (!std::isfinite(value) || value < min || (above && value == min)) {
      fail(name, fmt::format("is {}, but must be a finite number {} {}", value, above ? "above" : "of at least", min));
    }
    return value;
  }

  std::string text(std::string_view name, std::string_view fallback) {
    if (find(name) == nullptr) return std::string(fallback);
    return std::string(*file_.get_string(asked_.back()));
  }

  bool flag(std::string_view name) {
    find(name);
    return *file_.get_bool(asked_.back());
  }

  void set_block_count(std::size_t blocks) { block_count_ = blocks; }

  std::vector<std::string> ignored_keys() const {
    std::vector<std::string> ignored;
    for (const auto& [key, value] : file_.metadata()) {
      const bool asked = std::find(asked_.begin(), asked_.end(), key) != asked_.end();
      if (key.substr(0, prefix_.size()) == prefix_ && !asked) ignored.emplace_back(key);
    }
    return ignored;
  }

 private:
  std::uint64_t same_in_all_layers(std::string_view name) const {
    const std::vector<std::int64_t> values = file_.get_ints(asked_.back());
    if (block_count_ == 0) fail(name, "is an array, but must be one number");
    if (values.size() != block_count_) {
      fail(name, fmt::format("has {} values, but the model has {} blocks", values.size(), block_count_));
    }
    const auto other = std::find_if(values.begin(), values.end(), [&](std::int64_t v) { return v != values.front(); });
    if (other != values.end()) {
      fail(name,
           fmt::format("differs between layers (block 0: {}, block {}: {}), which is not supported", values.front(),
                       other - values.begin(), *other),
           ErrorKind::unsupported);
    }
    if (values.front() < 0) fail(name, fmt::format("is {}", values.front()));
    return static_cast<std::uint64_t>(values.front());
  }

  const gguf::File& file_;
  std::string prefix_;
  std::vector<std::string> asked_;
  std::size_t block_count_ = 0;
};

std::size_t read_vocab_size(const gguf::File& file, KeyReader& keys) {
  std::size_t fallback = 0;
  if (const gguf::Tensor* table = file.find_tensor("token_embd.weight")) {
    fallback = static_cast<std::size_t>(std::min(table->rows(), kMaxWidth));
  }
  const std::size_t claimed = keys.size("vocab_size", kMaxWidth, fallback);
  const std::vector<std::string_view>* tokens = file.get_strings("tokenizer.ggml.tokens");
  return tokens != nullptr && !tokens->empty() ? tokens->size() : claimed;
}

void read_heads(KeyReader& keys, bool may_values_differ, HyperParameters& hp) {
  hp.head_count = keys.size("attention.head_count", kMaxHeadWidth);
  hp.head_count_kv = keys.size("attention.head_count_kv", kMaxHeadWidth, hp.head_count);
  if (hp.head_count % hp.head_count_kv != 0) {
    keys.fail("attention.head_count_kv",
              fmt::format("is {}, which does not divide head_count {}", hp.head_count_kv, hp.head_count));
  }
  if (keys.find("attention.key_length") == nullptr && hp.embedding_length % hp.head_count != 0) {
    keys.fail("attention.head_count",
              fmt::format("is {}, which does not divide embedding_length {}", hp.head_count, hp.embedding_length));
  }
  hp.key_length = keys.size("attention.key_length", kMaxHeadWidth, hp.embedding_length / hp.head_count);
  hp.value_length = keys.size("attention.value_length", kMaxHeadWidth, hp.key_length);
  if (hp.value_length != hp.key_length && !may_values_differ) {
    keys.fail("attention.value_length",
              fmt::format("is {}, unlike key_length {}, which is not supported", hp.value_length, hp.key_length),
              ErrorKind::unsupported);
  }
}

void read_rope(KeyReader& keys, HyperParameters& hp) {
  hp.rope_dimension_count = keys.size("rope.dimension_count", kMaxHeadWidth, hp.key_length);
  if (hp.rope_dimension_count % 2 != 0 || hp.rope_dimension_count > hp.key_length) {
    keys.fail("rope.dimension_count", fmt::format("is {}, but must be even and at most the head width {}",
                                                  hp.rope_dimension_count, hp.key_length));
  }
  hp.rope_freq_base = keys.number("rope.freq_base", 1, true, 10000.0);
  // Files without a type, old ones among them, mean linear scaling; their factor may still have its first name.
  const double old_factor = keys.number("rope.scale_linear", 0, true, 1.0);
  hp.rope_scaling_type = keys.text("rope.scaling.type", "linear");
  if (hp.rope_scaling_type != "none" && hp.rope_scaling_type != "linear" && hp.rope_scaling_type != "yarn") {
    keys.fail("rope.scaling.type",
              fmt::format("is '{}'; known are none, linear and yarn", printable(hp.rope_scaling_type, 40)),
              ErrorKind::unsupported);
  }
  hp.rope_scaling_factor = keys.number("rope.scaling.factor", 0, true, old_factor);
  hp.rope_scaling_attn_factor = keys.number("rope.scaling.attn_factor", 0, true, 1.0);
  hp.rope_scaling_original_context_length =
      keys.size("rope.scaling.original_context_length", kMaxContextLength, hp.context_length);
  hp.rope_scaling_yarn_ext_factor = keys.number("rope.scaling.yarn_ext_factor", 0, false, 1.0);
  hp.rope_scaling_yarn_beta_fast = keys.number("rope.scaling.yarn_beta_fast", 0, true, 32.0);
  hp.rope_scaling_yarn_beta_slow = keys.number("rope.scaling.yarn_beta_slow", 0, true, 1.0);
  hp.rope_scaling_yarn_log_multiplier = keys.number("rope.scaling.yarn_log_multiplier", 0, false, 0.0);
  keys.find("rope.scaling.finetuned");  // tells how the model was trained, not what to compute
}

void read_own(KeyReader& keys, std::span<const OwnKey> own, HyperParameters& hp) {
  for (const OwnKey& key : own) {
    if (keys.find(key.name) == nullptr) continue;
    double& value = hp.own[std::string(key.name)];
    switch (key.kind) {
      case OwnKey::Kind::count:
        value = static_cast<double>(keys.size(key.name, std::numeric_limits<std::uint32_t>::max()));
        break;
      case OwnKey::Kind::positive:
        value = keys.number(key.name, 0, true);
        break;
      case OwnKey::Kind::not_negative:
        value = keys.number(key.name, 0, false);
        break;
      case OwnKey::Kind::flag:
        value = keys.flag(key.name) ? 1 : 0;
        break;
      case OwnKey::Kind::present:
        value = 1;
        break;
      case OwnKey::Kind::period:
        value = static_cast<double>(keys.period(key.name));
        break;
    }
  }
}

/// Files of models without experts may say that there are 0, of which none are used.
void read_experts(KeyReader& keys, HyperParameters& hp) {
  hp.expert_count = keys.count("expert_count", kMaxExperts);
  hp.expert_used_count = keys.count("expert_used_count", kMaxExperts);
  if (hp.expert_count > 0 && (hp.expert_used_count < 1 || hp.expert_used_count > hp.expert_count)) {
    keys.fail("expert_used_count", fmt::format("is {}, but must be between 1 and the {} experts that there are",
                                               hp.expert_used_count, hp.expert_count));
  }
}

}  // namespace

HyperParameters read_hyper_parameters(const gguf::File& file, const OwnKeys& own) {
  const std::optional<std::string_view> architecture = file.get_string("general.architecture");
  if (!architecture || architecture->empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: general.architecture is missing", file.name()), std::string(kHint));
  }
  HyperParameters hp{};
  hp.source = file.name();
  hp.architecture = *architecture;
  KeyReader keys(file, hp.architecture);

  hp.block_count = keys.size("block_count", std::numeric_limits<std::uint32_t>::max());
  if (hp.block_count > file.tensors().size()) {
    keys.fail("block_count", fmt::format("is {}, but the file has {} tensors", hp.block_count, file.tensors().size()));
  }
  keys.set_block_count(hp.block_count);
  hp.context_length = keys.size("context_length", kMaxContextLength);
  hp.embedding_length = keys.size("embedding_length", kMaxWidth);
  hp.feed_forward_length = keys.size("feed_forward_length", kMaxWidth);
  hp.vocab_size = read_vocab_size(file, keys);
  hp.norm_epsilon = keys.number(own.epsilon, 0, false);
  read_heads(keys, own.may_values_differ, hp);
  read_rope(keys, hp);
  read_own(keys, own.keys, hp);

  read_experts(keys, hp);
  keys.find("tensor_data_layout");  // how the converter permuted q and k; GGUF files of an architecture all agree
  hp.ignored_keys = keys.ignored_keys();
  return hp;
}

}  // namespace assay::model

// Hyper-parameters of config.json as GGUF's metadata, and the tensors of rotary factors that GGUF has in the place of
// some. Which member means what: transformers' configuration classes; which key holds it: GGUF's specification.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gguf/writer.h"
#include "hugging_face/settings.h"

namespace assay::hugging_face {

struct Family;

/// Takes "<architecture>.<name>" keys, and whatever else config.json becomes.
class HyperParameterWriter {
 public:
  HyperParameterWriter(std::string_view architecture, gguf::Writer& metadata)
      : architecture_(architecture), metadata_(metadata) {}

  const std::string& architecture() const { return architecture_; }
  void count(std::string_view name, std::uint32_t value) { metadata_.add_uint(key(name), value); }
  void number(std::string_view name, double value) { metadata_.add_float(key(name), static_cast<float>(value)); }
  void flag(std::string_view name, bool value) { metadata_.add_bool(key(name), value); }
  void text(std::string_view name, std::string_view value) { metadata_.add_string(key(name), value); }
  void tensor(std::string name, const std::vector<double>& values) {
    tensors_.emplace_back(std::move(name), std::vector<float>(values.begin(), values.end()));
  }
  /// A remark for whoever converts.
  void note(std::string text) { notes_.push_back(std::move(text)); }

  const std::vector<std::pair<std::string, std::vector<float>>>& tensors() const { return tensors_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::string key(std::string_view name) const { return architecture_ + "." + std::string(name); }

  std::string architecture_;
  gguf::Writer& metadata_;
  std::vector<std::pair<std::string, std::vector<float>>> tensors_;
  std::vector<std::string> notes_;
};

/// The config of the text model, with what the family takes for granted: `text_config` stands in the place of the root,
/// where there is one. Throws Error{unsupported} for a quantization that is not read and another activation.
Settings config_of(const Settings& root, const Family& family);

/// Throws Error{input} or Error{unsupported} that names the member.
void add_hyper_parameters(const Settings& config, const Family& family, HyperParameterWriter& out);

/// `rope_parameters`, or `rope_scaling` of older files; of blocks without a window.
Settings rope_parameters(const Settings& config);

/// Channels of an attention head.
std::uint32_t head_width(const Settings& config);

/// Throw Error{input} when it is absent (or 0).
std::uint32_t need_count(const Settings& config, std::string_view name);
std::uint32_t need_positive_count(const Settings& config, std::string_view name);

}  // namespace assay::hugging_face

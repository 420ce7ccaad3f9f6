// What somebody dumped from another engine: values or single facts, by the taps of a plan. Whatever format, names and
// layout the dump has, here it is in ours; what had to be guessed or turned is said in notes, and values are never
// changed: NaN and infinities stay, Q and K keep the dump's order of channels within a head (see head_order.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/safetensors.h"
#include "model/plan.h"
#include "trace/foreign/array.h"

namespace assay::trace {

/// Row of a fact that is about all rows of the tap together.
inline constexpr std::size_t kAllRows = std::numeric_limits<std::size_t>::max();

enum class FactKind : std::uint8_t {
  value,       ///< of one channel
  top,         ///< of one channel; none that is not named as top in this row has more
  mean,        ///< of the row, or of all rows
  rms,         ///< likewise
  min,         ///< likewise
  max,         ///< likewise
  sum,         ///< likewise
  non_finite,  ///< how many values are
};
std::string_view name(FactKind kind);  ///< "value"

/// One number that is known of a tap.
struct Fact {
  FactKind kind = FactKind::value;
  std::size_t row = 0;      ///< index into ForeignTrace::tokens, or kAllRows
  std::size_t channel = 0;  ///< of value and top
  double value = 0;
  double resolution = 0;  ///< the true number lies within value +- this, by how it was printed or stored
};

/// Order of the channels of a head, of Q and K. Told only of taps that were compared with our values.
enum class HeadOrder : std::uint8_t {
  unknown,
  ours,   ///< as the plan's
  other,  ///< the rotary pairs lie in the other of the two orders, as between Hugging Face's and GGUF's weights
};

/// What somebody dumped of one tap: whole rows, single facts, or both.
struct ForeignTap {
  std::string name;                      ///< of the plan: "blk.3.q_rope"
  std::string given_name;                ///< in the dump
  std::string note;                      ///< "transposed; matched by content, correlation 0.98"; often empty
  gguf::Dtype dtype = gguf::Dtype::f32;  ///< of the dump's values; f32 for text
  HeadOrder head_order = HeadOrder::unknown;
  double confidence = 1;          ///< in the name; below 1 only where it was matched by content
  std::size_t channels = 0;       ///< as in the plan
  std::vector<std::size_t> rows;  ///< index into ForeignTrace::tokens of each row, ascending
  std::vector<double> values;     ///< [rows.size(), channels]; empty where only facts are known
  std::vector<Fact> facts;
};

/// A weight they dumped, as they hold it: nothing is turned, and it is read from the file when asked for.
struct ForeignWeight {
  std::string name;  ///< the plan's tensor: "blk.0.attn_q.weight"
  std::string given_name;
  Array array;
};

struct ForeignTrace {
  std::string source;                ///< the path
  std::string format;                ///< "npz"; "llama.cpp eval-callback, sums of the printed values only"
  std::string arithmetic;            ///< what a trace of ours says of it: "f64"; empty for others
  std::vector<std::int32_t> tokens;  ///< the prompt, then what was decoded; empty where nobody says
  std::size_t prompt_tokens = 0;     ///< how many of them are the prompt
  bool is_prescribed = false;  ///< the ids behind the prompt were given to their engine, as a probe's, not chosen by it
  /// How many tokens their run had, as far as rows tell: tokens.size() where there are tokens.
  std::size_t token_count = 0;
  /// Ids their sampler chose: the first after the prompt's last token. May repeat the decoded ones of `tokens`.
  std::vector<std::int32_t> generated;
  std::vector<ForeignTap> taps;  ///< in the order of the plan, each name once
  std::vector<ForeignWeight> weights;
  /// What has no place above: the dump's name and why ("kq-0: no tap of ours").
  std::vector<std::string> extra;
  std::vector<std::string> notes;  ///< about the dump as a whole

  const ForeignTap* find(std::string_view tap) const;  ///< null when there is none
};

/// Our exact values of `value` for these tokens of the vocabulary, [tokens, width]; empty when they cannot be had.
/// Asked only where names or shapes do not decide, so that a clean dump costs no computation. The span stays valid
/// until the next call.
using ReferenceValues = std::function<std::span<const double>(std::span<const std::int32_t> tokens, model::ValueId)>;

struct ForeignOptions {
  std::filesystem::path map;         ///< lines "theirs = ours" (see names.h); empty: none
  std::vector<std::int32_t> tokens;  ///< what their run was given, where the dump does not say; the dump's win
  std::size_t prompt_tokens = 0;     ///< of `tokens`; 0: all
  ReferenceValues reference;         ///< may be empty: then nothing is matched by content
};

/// Reads a trace of ours, .safetensors, .npz, .npy, a folder of .npy, the text llama.cpp's eval-callback prints, JSON
/// of facts (docs/json.md), raw float32 logits (.bin, .f32), or token ids as text. What it is, is seen from its bytes.
/// Throws Error{io}, Error{input} and Error{unsupported} that name the file, the tensor or line, and the offset.
ForeignTrace read_foreign_trace(const std::filesystem::path& path, const model::Plan& plan,
                                const ForeignOptions& options = {});

}  // namespace assay::trace

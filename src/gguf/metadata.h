// The metadata of one GGUF file: pairs in the file's order, found by key, with typed access that names what is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/cursor.h"
#include "gguf/pairs.h"
#include "gguf/value.h"

namespace assay::gguf {

inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::uint32_t kDefaultAlignment = 32;
/// Alignments are powers of two from the format's minimum to 16 MiB.
inline constexpr std::uint32_t kMinAlignment = 8;
inline constexpr std::uint32_t kMaxAlignment = 1U << 24;
bool is_alignment(std::uint64_t value);

class Metadata {
 public:
  Metadata() = default;
  /// Reads `count` pairs; throws Error{input} for anything malformed, duplicate keys included.
  Metadata(Cursor& cursor, std::uint64_t count);

  std::span<const Pair> pairs() const { return pairs_; }
  const Value* find(std::string_view key) const;

  /// As documented at File.
  std::optional<std::uint64_t> get_uint(std::string_view key) const;
  std::optional<double> get_float(std::string_view key) const;
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  const std::vector<std::string_view>* get_strings(std::string_view key) const;
  std::vector<float> get_floats(std::string_view key) const;
  std::vector<std::int64_t> get_ints(std::string_view key) const;

  /// The value of general.alignment, checked, or the default.
  std::uint32_t alignment() const;

  /// Throws Error{input}: "FILE: key 'KEY' (byte OFFSET): PROBLEM". The key must be there.
  [[noreturn]] void refuse(std::string_view key, const std::string& problem, std::string_view hint) const;

 private:
  [[noreturn]] void refuse_type(std::string_view key, const Value& value, std::string_view wanted) const;

  std::string file_;
  const char* begin_ = nullptr;  ///< of the file's bytes
  std::vector<Pair> pairs_;
  std::map<std::string_view, std::size_t> index_;
};

}  // namespace assay::gguf

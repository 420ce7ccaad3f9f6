// What `assay bench` found, and how it is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "report/style.h"

namespace assay::cli {

/// One thing, measured several times.
struct Series {
  std::vector<double> values;

  /// Between neighbours in proportion. `values` is not empty.
  double quantile(double q) const;
  double median() const { return quantile(0.5); }
};

/// A length of prompt, or of what stands before the tokens that are decoded.
struct BenchLength {
  std::size_t tokens = 0;
  double amount = 0;  ///< operations of one token of a prompt; bytes that decoding one reads
  Series per_s = {};  ///< tokens
  Series share = {};  ///< of the ceiling measured in the same round
};

struct BenchResult {
  std::string model;
  std::uint64_t size_bytes = 0;
  std::string engine;
  int threads = 0;
  std::string clock;  ///< wall or cpu
  std::size_t repeats = 0;
  double load_s = 0;
  double first_token_s = 0;  ///< from the start of loading to the logits behind first_prompt tokens
  std::size_t first_prompt = 0;
  std::vector<BenchLength> prompts;
  std::vector<BenchLength> depths;
  std::size_t decode_tokens = 0;
  Series memory;  ///< bytes a second
  std::string byte_instruction;
  Series byte_rate;  ///< operations a second, two a multiplication
  std::string float_instruction;
  Series float_rate;
  std::uint64_t peak_memory_bytes = 0;
};

/// docs/json.md has the schema.
nlohmann::ordered_json to_json(const BenchResult& result);
/// Lines of at most `columns` characters, where words allow it.
std::string describe(const BenchResult& result, std::size_t columns, const report::Style& style);

}  // namespace assay::cli

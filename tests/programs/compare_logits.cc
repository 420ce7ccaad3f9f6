// compare_logits REFERENCE CANDIDATE WIDTH CHUNK_ROWS < tokens
// Two files of float32 logits [rows, WIDTH], and the token that each row is to predict. Prints what `assay compare
// --json --positions` would say of the candidate.
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "compare/distribution.h"
#include "compare/metrics.h"
#include "compare/text.h"
#include "report/comparison_json.h"

namespace {

using namespace assay;  // NOLINT(google-build-using-namespace)

std::vector<float> read_floats(const char* path) {
  const MappedFile file = MappedFile::open(path);
  std::vector<float> values(file.bytes().size() / sizeof(float));
  std::memcpy(values.data(), file.bytes().data(), values.size() * sizeof(float));
  return values;
}

int run(const std::vector<float>& reference, const std::vector<float>& candidate, std::size_t width,
        std::size_t chunk_rows) {
  const std::vector<std::int32_t> tokens{std::istream_iterator<std::int32_t>(std::cin), {}};
  if (reference.size() != tokens.size() * width || candidate.size() != reference.size()) return 2;
  compare::ReferenceRow reference_row(width);
  std::vector<compare::RowMetrics> rows;
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    reference_row.set({reference.data(), nullptr, tokens.size(), width}, row);
    rows.push_back(reference_row.compare({candidate.data(), nullptr, tokens.size(), width}, row, tokens[row]));
  }
  compare::Comparison comparison;
  comparison.reference_perplexity = compare::reference_perplexity(rows, chunk_rows);
  compare::CandidateResult& result = comparison.candidates.emplace_back();
  result.text = compare::summarize(rows, chunk_rows);
  for (const compare::RowMetrics& row : rows) {
    result.positions.push_back(compare::text_position(row, result.text->typical_logit_error));
  }
  std::cout << report::to_json(comparison) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: compare_logits REFERENCE CANDIDATE WIDTH CHUNK_ROWS < tokens\n";
    return 2;
  }
  try {
    return run(read_floats(argv[1]), read_floats(argv[2]), std::stoul(argv[3]), std::stoul(argv[4]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}

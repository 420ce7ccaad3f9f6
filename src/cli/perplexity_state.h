// What `perplexity --resume FILE` keeps between two runs: the sums of every chunk that is done, and what they belong
// to.
//
//   {"version": 1, "model_sha256": "...", "text_sha256": "...", "engine": "fast", "cache": "f32", "precision": "",
//    "context": 512, "chunks": [[rows, sum, square sum], ...]}
//
// The number of chunks is not part of it: a finished run may be continued with more of them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/session.h"
#include "compare/perplexity.h"

namespace assay::cli {

class PerplexityState {
 public:
  /// Reads the file where it exists. `scored`: the rows of every chunk. Throws Error{input} when it is no such file or
  /// holds sums that no run can have, Error{usage} that names what differs when it belongs to another run.
  PerplexityState(std::filesystem::path path, const gguf::File& model, const std::string& text,
                  const EngineArguments& arguments, std::size_t scored);

  const std::vector<compare::ChunkScore>& scores() const { return scores_; }
  /// Writes all of these; the file is replaced as a whole.
  void save(std::span<const compare::ChunkScore> scores) const;

 private:
  void read(std::size_t scored);

  std::filesystem::path path_;
  nlohmann::ordered_json identity_;
  std::vector<compare::ChunkScore> scores_;
};

}  // namespace assay::cli

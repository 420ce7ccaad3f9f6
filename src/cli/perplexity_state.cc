#include "cli/perplexity_state.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/sha256.h"

namespace assay::cli {
namespace {

std::string digest(const std::string& text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return sha.hex();
}

Error broken(const std::filesystem::path& path) {
  return {ErrorKind::input, fmt::format("{}: not a state that --resume wrote", path.string()),
          "Name another file, or delete this one."};
}

}  // namespace

PerplexityState::PerplexityState(std::filesystem::path path, const gguf::File& model, const std::string& text,
                                 const EngineArguments& arguments, std::size_t scored)
    : path_(std::move(path)),
      identity_({{"version", 1},
                 {"model_sha256", model_sha256(model)},
                 {"text_sha256", digest(text)},
                 {"engine", arguments.engine},
                 {"cache", arguments.cache},
                 {"precision", arguments.precision},
                 {"context", arguments.context}}) {
  if (std::filesystem::exists(path_)) read(scored);
}

void PerplexityState::read(std::size_t scored) {
  constexpr std::size_t kMaxBytes = std::size_t{256} << 20;
  const nlohmann::ordered_json state =
      nlohmann::ordered_json::parse(read_file(path_, kMaxBytes), nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || !state.contains("chunks") || !state["chunks"].is_array()) throw broken(path_);
  for (const auto& [key, value] : identity_.items()) {
    if (!state.contains(key)) throw broken(path_);
    if (state[key] != value) {
      throw Error(ErrorKind::usage,
                  fmt::format("{}: belongs to another run: its {} is {}, this run's is {}", path_.string(), key,
                              state[key].dump(), value.dump()),
                  "Name another file for this run.");
    }
  }
  for (const nlohmann::ordered_json& chunk : state["chunks"]) {
    if (!chunk.is_array() || chunk.size() != 3 || !chunk[0].is_number_unsigned() || !chunk[1].is_number() ||
        !chunk[2].is_number()) {
      throw broken(path_);
    }
    const compare::ChunkScore score{chunk[0].get<std::size_t>(), chunk[1].get<double>(), chunk[2].get<double>()};
    const auto is_sum = [](double sum) { return std::isfinite(sum) && sum >= 0; };
    if (score.rows != scored || !is_sum(score.sum) || !is_sum(score.square_sum)) throw broken(path_);
    scores_.push_back(score);
  }
}

void PerplexityState::save(std::span<const compare::ChunkScore> scores) const {
  nlohmann::ordered_json state = identity_;
  state["chunks"] = nlohmann::ordered_json::array();
  for (const compare::ChunkScore& chunk : scores) {
    state["chunks"].push_back({chunk.rows, chunk.sum, chunk.square_sum});
  }
  OutputFile file(path_);
  file.write(state.dump() + "\n");
  file.commit();
}

}  // namespace assay::cli

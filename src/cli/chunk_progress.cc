#include "cli/chunk_progress.h"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "cli/terminal.h"

namespace assay::cli {

ChunkProgress::ChunkProgress(std::string label, std::size_t chunks)
    : chunks_(chunks), progress_(std::move(label), chunks, Progress::Unit::items) {}

void ChunkProgress::show(std::size_t done, std::string_view figure) {
  if (is_terminal(stderr)) {
    progress_.update(done, figure);
  } else {
    fmt::print(stderr, "chunk {} of {}: {}\n", done, chunks_, figure);
  }
}

}  // namespace assay::cli

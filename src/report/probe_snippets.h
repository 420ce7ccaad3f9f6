// Short programs that write .npy files from somebody's engine, with the names and widths of one model's taps filled in.
// Their texts are the files in snippets/; what stands in {{double braces}} there is replaced.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"

namespace assay::report {

struct Snippet {
  std::string file;  ///< "dump.rs"
  std::string text;
};

/// In Python, Rust, C and JavaScript. `model` is how the user calls the model; `probe` the folder of the ids, as in
/// "short".
std::vector<Snippet> dump_snippets(const model::Plan& plan, std::string_view model, std::string_view probe);

}  // namespace assay::report

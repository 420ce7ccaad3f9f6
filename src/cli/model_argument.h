// The model argument of every command: a path (of a file or a Hugging Face folder), a short name, an address that was
// pulled, or nothing for the built-in model.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "gguf/file.h"

namespace assay::cli {

/// Declares the positional argument "model".
void add_model_argument(CommandLine& line, std::string& model);

/// Throws Error{usage} for an unknown name (and lists the known ones) and for one that was not pulled yet (and says
/// how), and whatever gguf::File::open and hugging_face::Folder::open throw.
gguf::File open_model_file(const std::string& model);

/// Throws Error{usage} when `output` is the file that is read: it would be replaced.
void check_not_input(const gguf::File& file, const std::string& output);

}  // namespace assay::cli

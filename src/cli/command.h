// A command of the program: its name, its help, and how it takes arguments. One file a command; commands.cc has the
// list.
#pragma once

#include <span>

#include "cli/command_line.h"

namespace assay::cli {

struct Command {
  const char* name;
  const char* help;                    ///< one line
  const char* examples;                ///< lines for the end of the help text
  Action (*setup)(CommandLine& line);  ///< declares the arguments
};

/// In the order in which the help shows them.
std::span<const Command* const> commands();

}  // namespace assay::cli

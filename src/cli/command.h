// A command of the program: its name, its help, and how it takes arguments. One file a command; commands.cc has the
// list.
#pragma once

#include <functional>
#include <span>

namespace CLI {
class App;
}

namespace assay::cli {

/// Runs the command after its arguments are parsed; returns the exit code (0 fine, 1 found what was asked about).
using Action = std::function<int()>;

struct Command {
  const char* name;
  const char* help;                ///< one line
  const char* examples;            ///< lines for the end of the help text
  Action (*setup)(CLI::App& app);  ///< declares the arguments
};

/// In the order in which the help shows them.
std::span<const Command* const> commands();

}  // namespace assay::cli

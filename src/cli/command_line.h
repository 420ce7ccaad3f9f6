// The words behind `assay`: which command they choose, and what its arguments and options become. CLI11 reads them;
// its header takes ten seconds to compile, so command_line.cc alone includes it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace assay::cli {

/// What else holds for an argument or option that was declared. All return the same again.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option& required();
  Option& between(int least, int most);
  Option& not_negative();
  Option& one_of(std::vector<std::string> words);
  /// The help shows the value it has without being given.
  Option& show_default();
  Option& show_default(const std::string& text);
  Option& separated_by_commas();
  /// How often an argument is given.
  Option& times(int least, int most);
  /// Takes one word each time, so that an argument may follow it.
  Option& one_word();
  Option& excludes(const Option& other);
  Option& excludes(const std::string& name);
  /// The heading under which the help shows it.
  Option& group(const std::string& heading);

 private:
  CLI::Option* option_;
};

/// The arguments and options of one command; a value stays as it is where the words do not give it. Names are "model"
/// of an argument, "-t,--threads" of an option.
class CommandLine {
 public:
  explicit CommandLine(CLI::App& app) : app_(&app) {}

  /// T: a string, int, long long, std::size_t, double; std::optional of a string, std::size_t, double; std::vector of a
  /// string or std::size_t.
  template <typename T>
  Option add_option(const char* name, T& value, const std::string& help);
  Option add_flag(const char* name, bool& value, const std::string& help);
  /// -t, --threads.
  void add_threads(int& threads, const std::string& help = "Threads; 0: all cores");

 private:
  CLI::App* app_;
};

/// Runs the command after its arguments are parsed; returns the exit code (0 fine, 1 found what was asked about).
using Action = std::function<int()>;

/// What the words ask for; printing the help or the version is done already, and gives an action that does nothing.
/// Throws Error{usage} that names the word.
Action parse_command(std::vector<std::string> words);

}  // namespace assay::cli

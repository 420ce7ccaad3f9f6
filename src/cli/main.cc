// The program: finds the command, and translates errors into messages and exit codes, once.
// 0 fine, 1 found what was asked about, 2 bad usage or bad input, 3 our own mistake, 130 interrupted.

#include <algorithm>
#include <csignal>
#include <exception>
#include <map>
#include <new>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  assay run -p \"In the beginning\"            continue a text with the built-in model\n"
    "  assay pull smollm2                         fetch a small chat model\n"
    "  assay run smollm2 --chat -p \"Who are you?\"\n"
    "  assay help run                             all options of a command";

void print_error(std::string_view message, std::string_view hint) {
  const Style& style = style_of(stderr);
  fmt::print(stderr, "{}error:{} {}\n", style.red, style.reset, message);
  if (!hint.empty()) fmt::print(stderr, "{}hint:{} {}\n", style.cyan, style.reset, hint);
}

/// "assay help run" is "assay run --help"; "assay help" and "assay" alone are "assay --help".
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return {"--help"};
  if (words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  return words;
}

void check_command_name(const std::string& word) {
  std::string known;
  for (const Command* command : commands()) {
    if (word == command->name) return;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", command->name);
  }
  if (word.starts_with("-")) return;
  throw Error(ErrorKind::usage, fmt::format("there is no command '{}'", word), fmt::format("Commands: {}.", known));
}

int run_program(int argc, char** argv) {
  CLI::App app("Assay runs GGUF language models, with numbers that can be trusted.", "assay");
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(0, 1);
  app.footer(kExamples);
  std::map<const CLI::App*, Action> actions;
  for (const Command* command : commands()) {
    CLI::App* subcommand = app.add_subcommand(command->name, command->help);
    subcommand->footer(fmt::format("Examples:\n{}", command->examples));
    actions[subcommand] = command->setup(*subcommand);
  }

  std::vector<std::string> words = arguments(argc, argv);
  check_command_name(words[0]);
  std::string help_of = words[0].starts_with("-") ? "" : fmt::format("{} ", words[0]);
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::Success& success) {
    return app.exit(success);  // prints the help or the version
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, error.what(), fmt::format("`assay {}--help` shows the options.", help_of));
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) throw Error(ErrorKind::usage, "no command given", "`assay --help` lists the commands.");
  return actions.at(chosen.front())();
}

}  // namespace
}  // namespace assay::cli

int main(int argc, char** argv) {
  using assay::Error;
  using assay::ErrorKind;
  assay::cli::install_interrupt_handler();
  // A file size limit shall be a failed write with a message, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = assay::cli::run_program(argc, argv);
    assay::cli::flush_output();
    return code;
  } catch (const assay::cli::Interrupted&) {
    return assay::cli::kInterruptedExitCode;
  } catch (const Error& error) {
    assay::cli::print_error(error.what(), error.hint());
    return assay::exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    assay::cli::print_error("out of memory", "A smaller --ctx, or a smaller model, needs less.");
    return assay::exit_code(ErrorKind::io);
  } catch (const std::exception& error) {
    assay::cli::print_error(fmt::format("internal: {}", error.what()), "This is a defect of Assay.");
    return assay::exit_code(ErrorKind::internal);
  }
}

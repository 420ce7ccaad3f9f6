// The program: finds the command, and translates errors into messages and exit codes, once.
// 0 fine, 1 found what was asked about, 2 bad usage or bad input, 3 our own mistake, 130 interrupted.

#include <algorithm>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

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

}  // namespace
}  // namespace assay::cli

int main(int argc, char** argv) {
  using assay::Error;
  using assay::ErrorKind;
  assay::cli::install_interrupt_handler();
  // A file size limit shall be a failed write with a message, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = assay::cli::parse_command(assay::cli::arguments(argc, argv))();
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

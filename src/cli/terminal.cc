#include "cli/terminal.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

namespace assay::cli {
namespace {

constexpr Style kPlain;
constexpr Style kColours = {"\033[1m", "\033[2m", "\033[1;31m", "\033[32m", "\033[33m", "\033[36m", "\033[0m"};

bool wants_colour(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return is_terminal(stream);
}

[[noreturn]] void throw_output_error(int error_number) {
  throw Error(ErrorKind::io,
              fmt::format("standard output: cannot write: {}", std::generic_category().message(error_number)));
}

}  // namespace

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

const Style& style_of(std::FILE* stream) { return wants_colour(stream) ? kColours : kPlain; }

std::size_t columns_of(std::FILE* stream) {
  constexpr std::size_t kNarrow = 40;
  constexpr std::size_t kUsual = 100;
  constexpr std::size_t kWide = 120;
  winsize size = {};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsual;
  return std::clamp<std::size_t>(size.ws_col, kNarrow, kWide);
}

void print_json(const nlohmann::ordered_json& value) {
  print_text(value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void print_text(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw_output_error(errno);
}

void flush_output() {
  if (std::fflush(stdout) != 0) throw_output_error(errno);
}

void print_note(std::string_view text) {
  const Style& style = style_of(stderr);
  fmt::print(stderr, "{}note:{} {}\n", style.cyan, style.reset, text);
}

}  // namespace assay::cli

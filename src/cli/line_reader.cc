#include "cli/line_reader.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxLineBytes = 16 << 20;

/// False when the interruption came first.
bool wait_for_input(int interruption) {
  pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {interruption, POLLIN, 0}};
  while (::poll(waits, 2, -1) < 0 && errno == EINTR) {
  }
  return (waits[1].revents & POLLIN) == 0;
}

}  // namespace

LineReader::Result LineReader::read(int interruption) {
  for (;;) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return {Status::line, std::move(line)};
    }
    if (pending_.size() > kMaxLineBytes) throw Error(ErrorKind::input, "standard input: a line of more than 16 MiB");
    char buffer[1 << 12];
    if (!wait_for_input(interruption)) return {Status::interrupted, {}};
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw Error(ErrorKind::io,
                  fmt::format("standard input: cannot read: {}", std::generic_category().message(errno)));
    }
    if (count == 0) {
      if (pending_.empty()) return {Status::end, {}};
      return {Status::line, std::exchange(pending_, {})};
    }
    pending_.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace assay::cli

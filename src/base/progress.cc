#include "base/progress.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace assay {
namespace {

constexpr auto kDelay = std::chrono::seconds(1);
constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr int kWidth = 30;
// A rate below that says less than the time that is left.
constexpr double kTelling = 10;

std::size_t columns() {
  constexpr std::size_t kUsual = 80;
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 2 ? size.ws_col : kUsual;
}

}  // namespace

Progress::Progress(std::string label, std::uint64_t total, Unit unit)
    : label_(std::move(label)),
      total_(total),
      unit_(unit),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::uint64_t done, std::string_view note) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < kDelay || now - last_ < kInterval) return;
  last_ = now;
  shown_ = true;
  const double elapsed_s = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done) / elapsed_s;
  const auto count = [&](std::uint64_t n) { return unit_ == Unit::bytes ? human_bytes(n) : fmt::format("{}", n); };
  std::string line = fmt::format("{} {}", label_, count(done));
  if (total_ > 0) {
    const auto filled = static_cast<int>(kWidth * (done < total_ ? done : total_) / total_);
    line = fmt::format("{} [{:#<{}}{:.<{}}] {} of {}", label_, "", filled, "", kWidth - filled, count(done),
                       count(total_));
    if (done > 0) line += fmt::format(", {:.0f} s left", static_cast<double>(total_ - std::min(done, total_)) / rate);
  }
  if (rate >= kTelling) line += fmt::format(", {}/s", count(static_cast<std::uint64_t>(rate)));
  if (!note.empty()) line += fmt::format(", {}", note);
  // A line that the terminal breaks could not be wiped.
  fmt::print(stderr, "\r\033[K{}", printable(line, columns() - 2));
  std::fflush(stderr);
}

}  // namespace assay

#include "base/progress.h"

#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace assay {
namespace {

constexpr auto kDelay = std::chrono::seconds(1);
constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr int kWidth = 30;

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
    const double left_s = rate > 0 ? static_cast<double>(total_ - (done < total_ ? done : total_)) / rate : 0;
    line = fmt::format("{} [{:#<{}}{:.<{}}] {} of {}, {:.0f} s left", label_, "", filled, "", kWidth - filled,
                       count(done), count(total_), left_s);
  }
  fmt::print(stderr, "\r\033[K{}, {}/s{}{}", line, count(static_cast<std::uint64_t>(rate)), note.empty() ? "" : ", ",
             note);
  std::fflush(stderr);
}

}  // namespace assay

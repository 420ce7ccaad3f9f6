// The bar as a terminal gets it.
#include "base/progress.h"

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

namespace assay {
namespace {

constexpr unsigned short kColumns = 60;

/// Standard error is a terminal while it lives.
class Terminal {
 public:
  Terminal() {
    winsize size = {24, kColumns, 0, 0};
    int terminal = -1;
    EXPECT_EQ(::openpty(&reader_, &terminal, nullptr, nullptr, &size), 0);
    saved_ = ::dup(STDERR_FILENO);
    ::dup2(terminal, STDERR_FILENO);
    ::close(terminal);
    ::fcntl(reader_, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(reader_);
  }

  /// What was written since the last call.
  std::string text() const {
    std::array<char, 4096> buffer = {};
    const auto size = ::read(reader_, buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }

 private:
  int reader_ = -1;
  int saved_ = -1;
};

void wait(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }

TEST(ProgressTest, SaysNothingForASecond) {
  const Terminal terminal;
  {
    Progress progress("steps", 4, Progress::Unit::items);
    progress.update(1);
  }
  EXPECT_EQ(terminal.text(), "");
}

TEST(ProgressTest, SaysWhatIsKnownInOneLine) {
  const Terminal terminal;
  {
    Progress progress("steps", 4, Progress::Unit::items);
    wait(std::chrono::milliseconds(1100));
    progress.update(0, "first");
    EXPECT_EQ(terminal.text(), "\r\033[Ksteps [..............................] 0 of 4, first");
    wait(std::chrono::milliseconds(150));
    progress.update(4, "a note that is longer than what is left of the line");
    const std::string line = "steps [##############################] 4 of 4, 0 s left, a note that";
    EXPECT_EQ(terminal.text(), "\r\033[K" + line.substr(0, kColumns - 2) + "\xE2\x80\xA6");
  }
  EXPECT_EQ(terminal.text(), "\r\033[K");
}

}  // namespace
}  // namespace assay

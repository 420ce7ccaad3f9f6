// Ctrl-C. Without a guard it ends the program at once with exit code 130. While a guard lives it only raises a flag,
// which the command looks at between steps; a second Ctrl-C ends the program all the same.
#pragma once

#include <exception>

namespace assay::cli {

inline constexpr int kInterruptedExitCode = 130;

/// Thrown by a command that was interrupted and has cleaned up.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

void install_interrupt_handler();

class InterruptGuard {
 public:
  InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

  bool interrupted() const;
  void throw_if_interrupted() const;
  void reset();  ///< forgets an interruption
  /// Readable from an interruption until reset(), for poll(): a signal may come just before one starts to wait, or on
  /// another thread.
  int descriptor() const;
};

}  // namespace assay::cli

#include "cli/interrupt.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

namespace assay::cli {
namespace {

enum class State { unguarded, guarded, interrupted };

/// Constant-initialized and lock-free, so that a signal handler may touch it.
std::atomic<State>& state() {
  static constinit std::atomic<State> value{State::unguarded};
  static_assert(std::atomic<State>::is_always_lock_free);
  return value;
}

int event() {
  static const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return descriptor;
}

extern "C" void handle_interrupt(int) {
  State expected = State::guarded;
  if (!state().compare_exchange_strong(expected, State::interrupted)) ::_exit(kInterruptedExitCode);
  const int error_number = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event(), &one, sizeof one);
  errno = error_number;
}

}  // namespace

void install_interrupt_handler() {
  event();  // made before a signal can come
  struct sigaction action {};
  action.sa_handler = handle_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::InterruptGuard() { reset(); }

void InterruptGuard::reset() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(event(), &count, sizeof count);
  state().store(State::guarded);
}

int InterruptGuard::descriptor() const { return event(); }

InterruptGuard::~InterruptGuard() { state().store(State::unguarded); }

bool InterruptGuard::interrupted() const { return state().load() == State::interrupted; }

void InterruptGuard::throw_if_interrupted() const {
  if (interrupted()) throw Interrupted();
}

}  // namespace assay::cli

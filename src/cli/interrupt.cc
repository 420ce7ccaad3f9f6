#include "cli/interrupt.h"

#include <atomic>
#include <csignal>

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

extern "C" void handle_interrupt(int) {
  State expected = State::guarded;
  if (!state().compare_exchange_strong(expected, State::interrupted)) ::_exit(kInterruptedExitCode);
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = handle_interrupt;
  // No SA_RESTART: a read of the terminal returns, so that a prompt can notice.
  ::sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::InterruptGuard() { reset(); }

void InterruptGuard::reset() { state().store(State::guarded); }

InterruptGuard::~InterruptGuard() { state().store(State::unguarded); }

bool InterruptGuard::interrupted() const { return state().load() == State::interrupted; }

void InterruptGuard::throw_if_interrupted() const {
  if (interrupted()) throw Interrupted();
}

}  // namespace assay::cli

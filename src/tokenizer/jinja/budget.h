// What one render may spend: steps, bytes held at once (the output and every value), nesting. Every node of the heap
// carries a Lease that gives its bytes back, so the budget knows what is alive and refuses before memory is taken.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"

namespace assay::tokenizer::jinja {

/// Something went wrong while a template runs; the interpreter adds the line and makes an assay::Error of it.
struct Failure : std::runtime_error {
  explicit Failure(const std::string& message, ErrorKind what = ErrorKind::input)
      : std::runtime_error(message), kind(what) {}
  ErrorKind kind;
  int line = 0, column = 0;  ///< of the innermost expression or statement that failed; 0 until known
};

/// The template called raise_exception: its message is the error, word for word.
struct Raised : Failure {
  using Failure::Failure;
};

class Budget {
 public:
  Budget(std::size_t max_steps, std::size_t max_bytes, int max_depth)
      : max_steps_(max_steps), max_bytes_(max_bytes), max_depth_(max_depth), steps_left_(max_steps) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void step(std::size_t count = 1) {
    if (count > steps_left_) throw Failure("takes more than " + std::to_string(max_steps_) + " steps");
    steps_left_ -= count;
  }
  /// Steps for touching that many bytes.
  void touch(std::size_t bytes) { step(bytes / 64); }

  /// Throws if `bytes` more would be too much; takes nothing.
  void check(std::size_t bytes) const {
    if (bytes > max_bytes_ - held_) throw Failure("needs more than " + std::to_string(max_bytes_) + " bytes");
  }
  void hold(std::size_t bytes) {
    check(bytes);
    held_ += bytes;
  }
  void release(std::size_t bytes) noexcept { held_ -= bytes; }

  int max_depth() const noexcept { return max_depth_; }

  /// Lives as long as one level of nesting: of calls, or of anything that recurses.
  class Level {
   public:
    Level(int& level, int limit) : level_(level) {
      if (level_ >= limit) throw Failure("nests too deeply");
      ++level_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --level_; }

   private:
    int& level_;
  };
  /// One call spans several levels of statements and expressions.
  [[nodiscard]] Level nest() { return {nesting_, 10 * max_depth_}; }
  [[nodiscard]] Level call() { return {calls_, max_depth_}; }

 private:
  std::size_t max_steps_, max_bytes_;
  int max_depth_;
  std::size_t steps_left_;
  std::size_t held_ = 0;
  int nesting_ = 0, calls_ = 0;
};

/// Bytes held from a budget until destruction. Without a budget (a template's own constants) it holds nothing.
class Lease {
 public:
  explicit Lease(Budget* budget, std::size_t bytes = 0) : budget_(budget) { grow(bytes); }
  Lease(Lease&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (budget_ != nullptr) budget_->release(bytes_);
  }

  void grow(std::size_t bytes) {
    if (budget_ == nullptr) return;
    budget_->hold(bytes);
    bytes_ += bytes;
  }

 private:
  Budget* budget_;
  std::size_t bytes_ = 0;
};

}  // namespace assay::tokenizer::jinja

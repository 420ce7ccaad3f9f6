// Lines from standard input, from a person or a pipe. Ctrl-C at an empty prompt is an answer of its own, not the end.
#pragma once

#include <optional>
#include <string>

namespace assay::cli {

class LineReader {
 public:
  enum class Status { line, end, interrupted };
  struct Result {
    Status status;
    std::string line;  ///< without its end
  };
  /// `interruption` is InterruptGuard::descriptor(). Throws Error{io} when standard input cannot be read, Error{input}
  /// for a line of more than 16 MiB.
  Result read(int interruption);

 private:
  std::string pending_;
};

}  // namespace assay::cli

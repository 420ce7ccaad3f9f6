// The one family of errors. Thrown where files, arguments and formats are checked; translated once at each edge
// (exit code of a command, HTTP status, Python class). Kernels throw nothing. `assert` is for our own mistakes only.
#pragma once

#include <stdexcept>
#include <string>

namespace assay {

enum class ErrorKind {
  usage,        ///< the arguments make no sense
  input,        ///< a file or a text is not what it should be
  unsupported,  ///< well formed, but something Assay does not know
  io,           ///< the operating system refused (open, read, write, disk full)
  network,      ///< a download failed
  internal,     ///< our own mistake
};

/// `what()` says what is wrong and where (file, tensor, byte offset) in one line; `hint()` says what to do about it,
/// and may be empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {});
  ErrorKind kind() const noexcept { return kind_; }
  const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorKind kind_;
  std::string hint_;
};

/// The exit code of a command that ends with this error: 2 for bad usage or input, 3 for our own mistake.
int exit_code(ErrorKind kind) noexcept;

}  // namespace assay

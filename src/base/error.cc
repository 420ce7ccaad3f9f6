#include "base/error.h"

#include <utility>

namespace assay {

Error::Error(ErrorKind kind, const std::string& message, std::string hint)
    : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

int exit_code(ErrorKind kind) noexcept { return kind == ErrorKind::internal ? 3 : 2; }

}  // namespace assay

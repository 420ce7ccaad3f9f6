#include "engine/engine.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::engine {

std::unique_ptr<Engine> make_engine(std::string_view name, const model::Plan& plan, const EngineOptions& options) {
  if (name == "oracle") return make_oracle(plan, options);
  if (name == "fast") return make_fast(plan, options);
  throw Error(ErrorKind::usage, fmt::format("unknown engine '{}'; known: oracle, fast", printable(name, 40)));
}

}  // namespace assay::engine

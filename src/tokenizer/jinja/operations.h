// Filters, tests, methods and global functions are all Operations: a name, a function and the names of its parameters.
// Their arguments are bound as Python binds them before the function sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/jinja/value.h"

namespace assay::tokenizer::jinja {

class Namespace;

/// What operations share during one render.
struct Runtime {
  Budget& budget;
  std::optional<std::time_t> now;                      ///< for strftime_now, instead of the system's clock
  std::vector<std::shared_ptr<Namespace>> namespaces;  ///< all that were made; they may hold one another
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
};

class Parameters;

struct Operation {
  std::string_view name;
  /// `subject` is the value before the bar, the tested value, or the object of a method.
  Value (*run)(Runtime& runtime, const Value& subject, const Parameters& parameters);
  /// "old new count?": names in order, the optional ones with a question mark; a last "*" takes all further arguments.
  std::string_view parameters;
};

/// The arguments of one call, by parameter.
class Parameters {
 public:
  /// Throws Failure for a missing, an unknown or a superfluous argument.
  Parameters(const Operation& operation, Arguments arguments);

  bool has(std::size_t index) const { return slots_[index].has_value(); }
  /// The value, or None.
  const Value& operator[](std::size_t index) const;
  bool truth(std::size_t index, bool fallback) const;
  /// None counts as absent; anything but an integer is a Failure.
  std::int64_t integer(std::size_t index, std::int64_t fallback) const;
  /// None counts as absent; anything but a string is a Failure.
  std::string_view text(std::size_t index, std::string_view fallback) const;

  const std::vector<Value>& rest() const { return rest_.positional; }
  const std::vector<std::pair<std::string, Value>>& keyword() const { return rest_.keyword; }

 private:
  std::string_view operation_;
  std::vector<std::optional<Value>> slots_;
  Arguments rest_;
};

/// Binds and runs.
Value apply(Runtime& runtime, const Operation& operation, const Value& subject, Arguments arguments);

/// The operation of that name in a table, or nullptr.
template <class Table>
const Operation* find_operation(const Table& table, std::string_view name) {
  for (const Operation& operation : table) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

}  // namespace assay::tokenizer::jinja

// The objects that expressions can hold beside data: ranges, iterators, views of dictionaries, methods, functions,
// namespaces, cyclers and joiners.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/value.h"

namespace assay::tokenizer::jinja {

class Range final : public Object {
 public:
  Range(Budget& budget, std::int64_t start, std::int64_t stop, std::int64_t step);
  std::string_view type_name() const override { return "range"; }
  void print(Budget& budget, Builder& out) const override;
  bool truth() const override { return count_ > 0; }
  std::optional<Value> iterate(Budget& budget) override;
  std::optional<std::size_t> length() const override { return count_; }

  Value at(std::size_t index) const { return Value(start_ + static_cast<std::int64_t>(index) * step_); }
  bool contains(const Value& number) const;
  bool same(const Range& other) const;
  std::shared_ptr<Object> slice(Budget& budget, const Span& span) const;

 private:
  std::int64_t start_, stop_, step_;
  std::size_t count_;
};

/// What map, select, reverse and their like give: elements that can be had once.
class Iterator final : public Object {
 public:
  Iterator(Budget& budget, Value items)
      : Object(&budget, sizeof(Iterator), depth_around(budget, items.depth())), items_(std::move(items)) {}
  std::string_view type_name() const override { return "generator"; }
  std::optional<Value> iterate(Budget& budget) override;
  /// The next element, or nullopt at the end.
  std::optional<Value> next();

 private:
  Value items_;
  std::size_t position_ = 0;
};

/// d.keys(), d.values(), d.items()
class DictView final : public Object {
 public:
  enum class Part { keys, values, items };
  DictView(Budget& budget, Value dict, Part part)
      : Object(&budget, sizeof(DictView), depth_around(budget, dict.depth())), dict_(std::move(dict)), part_(part) {}
  std::string_view type_name() const override;
  void print(Budget& budget, Builder& out) const override;
  bool truth() const override { return !dict_.dict().items().empty(); }
  std::optional<Value> iterate(Budget& budget) override { return elements(budget); }
  std::optional<std::size_t> length() const override { return dict_.dict().items().size(); }

 private:
  Value elements(Budget& budget) const;
  Value dict_;
  Part part_;
};

class BoundMethod final : public Object {
 public:
  BoundMethod(Budget& budget, Value self, const Operation& operation)
      : Object(&budget, sizeof(BoundMethod), depth_around(budget, self.depth())),
        self_(std::move(self)),
        operation_(operation) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override {
    return apply(runtime, operation_, self_, std::move(arguments));
  }

 private:
  Value self_;
  const Operation& operation_;
};

/// A global function.
class Function final : public Object {
 public:
  Function(Budget& budget, const Operation& operation) : Object(&budget, sizeof(Function)), operation_(operation) {}
  std::string_view type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override {
    return apply(runtime, operation_, {}, std::move(arguments));
  }

 private:
  const Operation& operation_;
};

/// The one thing a template can change: {% set ns.name = value %}. It may hold itself, so the interpreter clears it.
class Namespace final : public Object {
 public:
  explicit Namespace(Budget& budget) : Object(&budget, sizeof(Namespace)) {}
  std::string_view type_name() const override { return "Namespace"; }
  void print(Budget& budget, Builder& out) const override;
  std::optional<Value> attribute(Budget& budget, std::string_view name) override;
  void set(Budget& budget, std::string_view name, Value value);
  void clear() { values_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> values_;
};

/// cycler(a, b, ...): next(), current, reset()
class Cycler final : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  Cycler(Budget& budget, Value items)
      : Object(&budget, sizeof(Cycler), depth_around(budget, items.depth())), items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Budget& budget, std::string_view name) override;
  Value next();
  void reset() { position_ = 0; }

 private:
  Value current() const { return items_.items()[position_]; }
  Value items_;
  std::size_t position_ = 0;
};

/// joiner(", "): nothing at the first call, the separator at all others
class Joiner final : public Object {
 public:
  Joiner(Budget& budget, Value separator)
      : Object(&budget, sizeof(Joiner), depth_around(budget, separator.depth())), separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

/// The variable `loop`.
class Loop final : public Object, public std::enable_shared_from_this<Loop> {
 public:
  Loop(Budget& budget, Value items, std::size_t recursion)
      : Object(&budget, sizeof(Loop), depth_around(budget, items.depth())),
        items_(std::move(items)),
        recursion_(recursion) {}
  std::string_view type_name() const override { return "LoopContext"; }
  void print(Budget& budget, Builder& out) const override;
  std::optional<Value> attribute(Budget& budget, std::string_view name) override;
  std::optional<std::size_t> length() const override { return items_.items().size(); }

  void advance(std::size_t index) { index_ = index; }
  Value cycle(const std::vector<Value>& values) const;
  bool changed(Budget& budget, const std::vector<Value>& values);
  void clear() {
    last_changed_.reset();
    recurse = nullptr;
  }

  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override;
  /// What loop(items) does, where the loop is recursive and runs.
  std::function<Value(const Value& items)> recurse;

 private:
  Value items_;
  std::size_t recursion_;  ///< how deep, of loops inside one another by loop(items)
  std::size_t index_ = 0;
  std::optional<Value> last_changed_;
};

}  // namespace assay::tokenizer::jinja

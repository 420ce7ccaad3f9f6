// Values of the template language: Python's data (None, bool, int, float, str, list, tuple, dict) and objects (ranges,
// iterators, methods, macros, ...). Data never changes once made, so values are shared freely and cannot form cycles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tokenizer/jinja/budget.h"

namespace assay::tokenizer::jinja {

class Value;
class Dict;
class Object;
struct Text;
struct Sequence;

/// The part of a value that lies on the heap. `depth` counts the containers inside one another.
struct Node {
  Node(Budget* budget, std::size_t bytes, int depth_inside = 0) : depth(depth_inside), lease(budget, bytes) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  int depth;
  Lease lease;
};

enum class Kind : std::uint8_t { undefined, none, boolean, integer, real, string, list, tuple, dict, object };

class Value {
 public:
  Value() = default;  ///< None
  explicit Value(bool value) : kind_(Kind::boolean), integer_(value ? 1 : 0) {}
  explicit Value(std::int64_t value) : kind_(Kind::integer), integer_(value) {}
  explicit Value(double value) : kind_(Kind::real), real_(value) {}
  Value(Kind kind, std::shared_ptr<Node> node) : kind_(kind), node_(std::move(node)) {}
  explicit Value(std::shared_ptr<Object> object);

  Kind kind() const noexcept { return kind_; }
  bool is(Kind kind) const noexcept { return kind_ == kind; }
  bool is_none() const noexcept { return is(Kind::none); }
  bool is_undefined() const noexcept { return is(Kind::undefined); }
  bool is_string() const noexcept { return is(Kind::string); }
  /// int, and bool, which Python counts among them
  bool is_integral() const noexcept { return is(Kind::integer) || is(Kind::boolean); }
  bool is_number() const noexcept { return is_integral() || is(Kind::real); }
  bool is_sequence() const noexcept { return is(Kind::list) || is(Kind::tuple); }

  bool boolean() const noexcept { return integer_ != 0; }
  std::int64_t integer() const noexcept { return integer_; }
  /// Any number as float.
  double real() const noexcept { return is(Kind::real) ? real_ : static_cast<double>(integer_); }
  const Text& text() const;  ///< of a string; of an undefined value, why it is undefined
  std::string_view bytes() const;
  const std::vector<Value>& items() const;  ///< of a list or tuple
  bool is_group() const noexcept;
  const Dict& dict() const;
  Object& object() const;
  /// The object if it is a T, else nullptr.
  template <class T>
  T* as() const {
    return is(Kind::object) ? dynamic_cast<T*>(node_.get()) : nullptr;
  }
  const Node* node() const noexcept { return node_.get(); }
  int depth() const noexcept { return node_ == nullptr ? 0 : node_->depth; }

 private:
  Kind kind_ = Kind::none;
  union {
    std::int64_t integer_ = 0;
    double real_;
  };
  std::shared_ptr<Node> node_;
};

struct Text final : Node {
  Text(Budget* budget, std::string content, bool is_markup);
  bool ascii() const noexcept { return length == bytes.size(); }
  /// Offset of the code point `index` (0 .. length).
  std::size_t offset(std::size_t index) const;

  std::string bytes;   ///< well-formed UTF-8
  std::size_t length;  ///< in code points
  bool markup;         ///< HTML that is escaped already (filters `safe` and `escape`)
};

struct Sequence final : Node {
  Sequence(Budget* budget, std::vector<Value> values);
  std::vector<Value> items;
  bool is_group = false;  ///< groupby's tuple, whose parts have the names `grouper` and `list`
};

/// Keeps the order in which keys came.
class Dict final : public Node {
 public:
  using Item = std::pair<Value, Value>;

  explicit Dict(Budget* budget) : Node(budget, sizeof(Dict)) {}
  const std::vector<Item>& items() const noexcept { return items_; }
  const Value* find(Budget& budget, const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Only while the dictionary is being made.
  void set(Budget& budget, Value key, Value value);

 private:
  std::optional<std::size_t> place(Budget& budget, std::size_t hash, const Value& key) const;

  std::vector<Item> items_;
  std::unordered_multimap<std::size_t, std::size_t> index_;  ///< hash to place
};

struct Runtime;
struct Arguments;
class Builder;

/// Whatever is not plain data. The defaults describe an object that can do nothing.
class Object : public Node {
 public:
  using Node::Node;
  virtual std::string_view type_name() const = 0;
  virtual void print(Budget& budget, Builder& out) const;
  virtual bool truth() const { return true; }
  virtual std::optional<Value> attribute(Budget& budget, std::string_view name);
  virtual bool callable() const { return false; }
  virtual Value call(Runtime& runtime, Arguments arguments);
  /// The elements as a list, or nullopt if there is no iterating over it.
  virtual std::optional<Value> iterate(Budget& budget);
  virtual std::optional<std::size_t> length() const { return std::nullopt; }
};

/// Names a value undefined, and says why for the error that using it gives.
Value undefined(Budget& budget, const std::string& why);
Value string(Budget* budget, std::string bytes, bool markup = false);
Value list(Budget& budget, std::vector<Value> items);
Value tuple(Budget& budget, std::vector<Value> items);
Value group(Budget& budget, Value grouper, Value members);

/// Fails if a container around something so deep would be too deep.
int depth_around(const Budget& budget, int depth);

/// JSON to data. Throws Failure for integers past 64 bits, ill-formed UTF-8 and too deep nesting.
Value from_json(Budget& budget, const nlohmann::ordered_json& json, int level = 0);

/// "str", "dict", "NoneType", ...
std::string type_name(const Value& value);

/// A string or a list in the making, paid for as it grows.
class Builder {
 public:
  explicit Builder(Budget& budget) : budget_(budget), lease_(&budget) {}
  void append(std::string_view bytes);
  void append(char byte) { append(std::string_view(&byte, 1)); }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::string_view view() const noexcept { return bytes_; }
  std::string take() { return std::move(bytes_); }
  Value finish() { return string(&budget_, std::move(bytes_)); }

 private:
  Budget& budget_;
  Lease lease_;
  std::string bytes_;
};

class ListBuilder {
 public:
  explicit ListBuilder(Budget& budget) : budget_(budget), lease_(&budget) {}
  void add(Value value) {
    budget_.step();
    lease_.grow(sizeof(Value));
    items_.push_back(std::move(value));
  }
  std::size_t size() const noexcept { return items_.size(); }
  std::vector<Value>& items() noexcept { return items_; }
  Value finish() { return list(budget_, std::move(items_)); }

 private:
  Budget& budget_;
  Lease lease_;
  std::vector<Value> items_;
};

}  // namespace assay::tokenizer::jinja

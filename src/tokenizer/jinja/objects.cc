#include "tokenizer/jinja/objects.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

// The same as Jinja's sandbox allows.
constexpr std::size_t kMaxRange = 100000;

constexpr std::array kLoopMethods = {
    Operation{"cycle",
              [](Runtime&, const Value& self, const Parameters& parameters) {
                return self.as<Loop>()->cycle(parameters.rest());
              },
              "*"},
    Operation{"changed",
              [](Runtime& runtime, const Value& self, const Parameters& parameters) {
                return Value(self.as<Loop>()->changed(runtime.budget, parameters.rest()));
              },
              "*"},
};

constexpr std::array kCyclerMethods = {
    Operation{"next", [](Runtime&, const Value& self, const Parameters&) { return self.as<Cycler>()->next(); }, ""},
    Operation{"reset",
              [](Runtime&, const Value& self, const Parameters&) {
                self.as<Cycler>()->reset();
                return Value();
              },
              ""},
};

template <class Table>
std::optional<Value> bound_method(Budget& budget, const Table& table, std::shared_ptr<Object> self,
                                  std::string_view name) {
  const Operation* operation = find_operation(table, name);
  if (operation == nullptr) return std::nullopt;
  return Value(std::make_shared<BoundMethod>(budget, Value(std::move(self)), *operation));
}

}  // namespace

Range::Range(Budget& budget, std::int64_t start, std::int64_t stop, std::int64_t step)
    : Object(&budget, sizeof(Range)), start_(start), stop_(stop), step_(step), count_(0) {
  if (step == 0) throw Failure("range() arg 3 must not be zero");
  const bool empty = step > 0 ? start >= stop : start <= stop;
  if (empty) return;
  const auto distance = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                 : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
  const auto stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t count = (distance - 1) / stride + 1;
  if (count > kMaxRange) {
    throw Failure("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(kMaxRange) +
                  ").");
  }
  count_ = count;
}

void Range::print(Budget&, Builder& out) const {
  out.append("range(" + std::to_string(start_) + ", " + std::to_string(stop_));
  if (step_ != 1) out.append(", " + std::to_string(step_));
  out.append(')');
}

std::optional<Value> Range::iterate(Budget& budget) {
  ListBuilder items(budget);
  for (std::size_t i = 0; i < count_; ++i) items.add(at(i));
  return items.finish();
}

bool Range::contains(const Value& number) const {
  if (count_ == 0) return false;
  std::int64_t wanted = number.integer();
  if (number.is(Kind::real)) {
    const double real = number.real();
    if (std::floor(real) != real || real < -0x1p63 || real >= 0x1p63) return false;
    wanted = static_cast<std::int64_t>(real);
  }
  const std::int64_t last = at(count_ - 1).integer();
  if (wanted < std::min(start_, last) || wanted > std::max(start_, last)) return false;
  // Modulo 2^64 the difference is exact.
  const auto distance = step_ > 0 ? static_cast<std::uint64_t>(wanted) - static_cast<std::uint64_t>(start_)
                                  : static_cast<std::uint64_t>(start_) - static_cast<std::uint64_t>(wanted);
  return distance % (step_ > 0 ? static_cast<std::uint64_t>(step_) : 0 - static_cast<std::uint64_t>(step_)) == 0;
}

bool Range::same(const Range& other) const {
  if (count_ != other.count_) return false;
  return count_ == 0 || (start_ == other.start_ && (count_ == 1 || step_ == other.step_));
}

std::shared_ptr<Object> Range::slice(Budget& budget, const Span& span) const {
  const auto far = [&](std::int64_t index) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(index, step_, &result) || __builtin_add_overflow(result, start_, &result)) {
      throw Failure("integer overflow: more than 64 bits");
    }
    return result;
  };
  std::int64_t step = 0;
  if (__builtin_mul_overflow(span.step, step_, &step)) throw Failure("integer overflow: more than 64 bits");
  const std::int64_t end = span.start + static_cast<std::int64_t>(span.count) * span.step;
  return std::make_shared<Range>(budget, far(span.start), far(end), step);
}

std::optional<Value> Iterator::iterate(Budget& budget) {
  ListBuilder rest(budget);
  for (const auto& all = items_.items(); position_ < all.size(); ++position_) rest.add(all[position_]);
  return rest.finish();
}

std::optional<Value> Iterator::next() {
  if (position_ >= items_.items().size()) return std::nullopt;
  return items_.items()[position_++];
}

std::string_view DictView::type_name() const {
  return part_ == Part::keys ? "dict_keys" : part_ == Part::values ? "dict_values" : "dict_items";
}

Value DictView::elements(Budget& budget) const {
  ListBuilder out(budget);
  for (const auto& [key, value] : dict_.dict().items()) {
    out.add(part_ == Part::keys ? key : part_ == Part::values ? value : tuple(budget, {key, value}));
  }
  return out.finish();
}

void DictView::print(Budget& budget, Builder& out) const {
  out.append(type_name());
  out.append('(');
  print_repr(budget, elements(budget), out);
  out.append(')');
}

void Namespace::print(Budget& budget, Builder& out) const {
  out.append("<Namespace {");
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (i > 0) out.append(", ");
    print_repr(budget, string(&budget, values_[i].first), out);
    out.append(": ");
    print_repr(budget, values_[i].second, out);
  }
  out.append("}>");
}

std::optional<Value> Namespace::attribute(Budget& budget, std::string_view name) {
  budget.step(values_.size() / 8);
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(Budget& budget, std::string_view name, Value value) {
  budget.step(values_.size() / 8);
  for (auto& [key, old] : values_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  lease.grow(sizeof(values_[0]) + name.size());
  values_.emplace_back(name, std::move(value));
}

std::optional<Value> Cycler::attribute(Budget& budget, std::string_view name) {
  if (name == "current") return current();
  return bound_method(budget, kCyclerMethods, shared_from_this(), name);
}

Value Cycler::next() {
  Value result = current();
  position_ = (position_ + 1) % items_.items().size();
  return result;
}

Value Joiner::call(Runtime& runtime, Arguments) {
  if (used_) return separator_;
  used_ = true;
  return string(&runtime.budget, "");
}

void Loop::print(Budget&, Builder& out) const {
  out.append("<LoopContext " + std::to_string(index_ + 1) + "/" + std::to_string(items_.items().size()) + ">");
}

std::optional<Value> Loop::attribute(Budget& budget, std::string_view name) {
  const auto& items = items_.items();
  const auto number = [](std::size_t value) { return Value(static_cast<std::int64_t>(value)); };
  if (name == "index") return number(index_ + 1);
  if (name == "index0") return number(index_);
  if (name == "revindex") return number(items.size() - index_);
  if (name == "revindex0") return number(items.size() - index_ - 1);
  if (name == "length") return number(items.size());
  if (name == "first") return Value(index_ == 0);
  if (name == "last") return Value(index_ + 1 == items.size());
  if (name == "depth") return number(recursion_ + 1);
  if (name == "depth0") return number(recursion_);
  if (name == "previtem") return index_ == 0 ? undefined(budget, "there is no previous item") : items[index_ - 1];
  if (name == "nextitem") {
    return index_ + 1 == items.size() ? undefined(budget, "there is no next item") : items[index_ + 1];
  }
  return bound_method(budget, kLoopMethods, shared_from_this(), name);
}

Value Loop::call(Runtime& runtime, Arguments arguments) {
  if (recurse == nullptr) throw Failure("the loop must have the 'recursive' marker to be called recursively");
  if (arguments.positional.size() != 1 || !arguments.keyword.empty()) throw Failure("loop() takes the items alone");
  const auto level = runtime.budget.call();
  // The call outlives what it is called through.
  const auto self = recurse;
  return self(arguments.positional[0]);
}

Value Loop::cycle(const std::vector<Value>& values) const {
  if (values.empty()) throw Failure("no items for cycling given");
  return values[index_ % values.size()];
}

bool Loop::changed(Budget& budget, const std::vector<Value>& values) {
  Value current = tuple(budget, values);
  if (last_changed_ && equals(budget, *last_changed_, current)) return false;
  last_changed_ = std::move(current);
  return true;
}

}  // namespace assay::tokenizer::jinja

// value[key], value[start:stop:step] and value.name.
#include <algorithm>

#include "base/text.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

std::string owner(const Value& value) { return value.is_none() ? "None" : type_name(value) + " object"; }

Value missing(Budget& budget, const Value& value, const Value& key) {
  if (key.is_string()) return undefined(budget, "'" + owner(value) + "' has no attribute " + describe(budget, key));
  return undefined(budget, owner(value) + " has no element " + describe(budget, key));
}

// A method, or an attribute of an object. What the sandbox forbids is undefined, and says so when used.
std::optional<Value> member(Budget& budget, const Value& value, std::string_view name) {
  const auto unsafe = [&] {
    return undefined(budget,
                     "access to attribute '" + std::string(name) + "' of '" + type_name(value) + "' object is unsafe.");
  };
  if (name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__") return unsafe();
  if (changes_value(value.kind(), name)) return unsafe();
  if (value.is(Kind::object)) return value.object().attribute(budget, name);
  if (value.is_group() && (name == "grouper" || name == "list")) return value.items()[name == "list" ? 1 : 0];
  if (const Operation* method = find_method(value.kind(), name)) {
    return Value(std::make_shared<BoundMethod>(budget, value, *method));
  }
  return std::nullopt;
}

std::optional<std::int64_t> slice_bound(const Value& value) {
  if (value.is_none()) return std::nullopt;
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (!value.is_integral()) throw Failure("slice indices must be integers or None or have an __index__ method");
  return value.integer();
}

Value slice_text(Budget& budget, const Text& text, const Span& span) {
  Builder out(budget);
  if (span.step == 1) {
    out.append(substring(text, static_cast<std::size_t>(span.start), span.count));
  } else if (text.ascii()) {
    for (std::size_t i = 0; i < span.count; ++i) {
      out.append(text.bytes[static_cast<std::size_t>(span.start + static_cast<std::int64_t>(i) * span.step)]);
    }
  } else {
    budget.check(text.length * sizeof(char32_t));
    std::u32string characters;
    characters.reserve(text.length);
    for (std::size_t at = 0; at < text.bytes.size();) {
      const CodePoint c = decode_utf8(text.bytes, at);
      characters.push_back(c.value);
      at += c.size_bytes;
    }
    budget.step(text.length);
    std::string character;
    for (std::size_t i = 0; i < span.count; ++i) {
      character.clear();
      append_utf8(characters[static_cast<std::size_t>(span.start + static_cast<std::int64_t>(i) * span.step)],
                  character);
      out.append(character);
    }
  }
  return string(&budget, out.take(), text.markup);
}

}  // namespace

std::string_view substring(const Text& text, std::size_t first, std::size_t count) {
  const std::size_t begin = text.offset(first);
  const std::size_t end = first + count == text.length ? text.bytes.size() : text.offset(first + count);
  return std::string_view(text.bytes).substr(begin, end - begin);
}

Value get_attribute(Budget& budget, const Value& value, std::string_view name) {
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (auto found = member(budget, value, name)) return *found;
  if (value.is(Kind::dict)) {
    if (const Value* found = value.dict().find(name)) return *found;
  }
  return missing(budget, value, string(&budget, std::string(name)));
}

Value get_item(Budget& budget, const Value& value, const Value& key) {
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  if (value.is(Kind::dict) && !key.is(Kind::list) && !key.is(Kind::dict)) {
    if (const Value* found = value.dict().find(budget, key)) return *found;
  } else if (key.is_integral()) {
    const bool indexable = value.is_string() || value.is_sequence() || value.as<Range>() != nullptr;
    const auto size = indexable ? static_cast<std::int64_t>(length(value)) : 0;
    const std::int64_t index = key.integer() < 0 ? key.integer() + size : key.integer();
    if (index >= 0 && index < size) {
      const auto at = static_cast<std::size_t>(index);
      if (value.is_sequence()) return value.items()[at];
      if (const auto* range = value.as<Range>()) return range->at(at);
      if (!value.text().ascii()) budget.step(value.bytes().size() / 16);
      return string(&budget, std::string(substring(value.text(), at, 1)), value.text().markup);
    }
  }
  if (key.is_string()) {
    if (auto found = member(budget, value, key.bytes())) return *found;
  }
  return missing(budget, value, key);
}

Span clip_slice(std::size_t length, const Value& start, const Value& stop, const Value& step) {
  const auto size = static_cast<std::int64_t>(length);
  const std::int64_t stride = slice_bound(step).value_or(1);
  if (stride == 0) throw Failure("slice step cannot be zero");
  // Going down, the places lie between -1 and size - 1.
  const std::int64_t low = stride < 0 ? -1 : 0, high = stride < 0 ? size - 1 : size;
  const auto clip = [&](std::optional<std::int64_t> bound, std::int64_t fallback) {
    if (!bound) return fallback;
    return std::clamp(*bound < 0 ? *bound + size : *bound, low, high);
  };
  const std::int64_t first = clip(slice_bound(start), stride < 0 ? high : low);
  const std::int64_t last = clip(slice_bound(stop), stride < 0 ? low : high);
  // A stride past the length reaches one place; cut, it cannot overflow.
  const std::int64_t pace = std::clamp(stride, -size - 1, size + 1);
  const std::int64_t distance = pace > 0 ? last - first : first - last;
  const std::int64_t count = distance > 0 ? (distance - 1) / std::abs(pace) + 1 : 0;
  return {first, pace, static_cast<std::size_t>(count)};
}

Value slice(Budget& budget, const Value& value, const Value& start, const Value& stop, const Value& step) {
  if (value.is_undefined()) throw Failure(std::string(value.bytes()));
  const auto* range = value.as<Range>();
  if (!value.is_string() && !value.is_sequence() && range == nullptr) {
    throw Failure(value.is(Kind::dict) ? "unhashable type: 'slice'"
                                       : "'" + type_name(value) + "' object is not subscriptable");
  }
  const Span span = clip_slice(length(value), start, stop, step);
  if (value.is_string()) return slice_text(budget, value.text(), span);
  if (range != nullptr) return Value(range->slice(budget, span));
  ListBuilder out(budget);
  for (std::size_t i = 0; i < span.count; ++i) {
    out.add(value.items()[static_cast<std::size_t>(span.start + static_cast<std::int64_t>(i) * span.step)]);
  }
  return value.is(Kind::list) ? out.finish() : tuple(budget, std::move(out.items()));
}

}  // namespace assay::tokenizer::jinja

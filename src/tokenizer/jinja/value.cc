#include "tokenizer/jinja/value.h"

#include <algorithm>
#include <functional>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/operators.h"

namespace assay::tokenizer::jinja {
namespace {

// Small dictionaries are searched from front to back.
constexpr std::size_t kUnindexed = 8;

// What an entry costs beside its values: hash table node and bucket.
constexpr std::size_t kEntryBytes = sizeof(Dict::Item) + 48;

std::size_t count_code_points(std::string_view bytes) {
  return static_cast<std::size_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth;
}

}  // namespace

Value::Value(std::shared_ptr<Object> object) : kind_(Kind::object), node_(std::move(object)) {}
const Text& Value::text() const { return static_cast<const Text&>(*node_); }
std::string_view Value::bytes() const { return text().bytes; }
const std::vector<Value>& Value::items() const { return static_cast<const Sequence&>(*node_).items; }
bool Value::is_group() const noexcept { return is(Kind::tuple) && static_cast<const Sequence&>(*node_).is_group; }
const Dict& Value::dict() const { return static_cast<const Dict&>(*node_); }
Object& Value::object() const { return static_cast<Object&>(*node_); }

Text::Text(Budget* budget, std::string content, bool is_markup)
    : Node(budget, sizeof(Text) + content.size()),
      bytes(std::move(content)),
      length(count_code_points(bytes)),
      markup(is_markup) {}

std::size_t Text::offset(std::size_t index) const {
  if (ascii()) return index;
  std::size_t at = 0;
  // A code point begins at every byte that is not a continuation.
  for (std::size_t seen = 0; at < bytes.size(); ++at) {
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) != 0x80 && seen++ == index) break;
  }
  return at;
}

Sequence::Sequence(Budget* budget, std::vector<Value> values)
    : Node(budget, sizeof(Sequence) + values.size() * sizeof(Value)), items(std::move(values)) {
  depth = 1 + deepest(items);
}

std::optional<std::size_t> Dict::place(Budget& budget, std::size_t hash, const Value& key) const {
  if (items_.size() <= kUnindexed) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (equals(budget, items_[i].first, key)) return i;
    }
    return std::nullopt;
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (equals(budget, items_[it->second].first, key)) return it->second;
  }
  return std::nullopt;
}

const Value* Dict::find(Budget& budget, const Value& key) const {
  const auto at = place(budget, hash(budget, key), key);
  return at ? &items_[*at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const auto same = [&](std::size_t at) { return items_[at].first.is_string() && items_[at].first.bytes() == key; };
  if (items_.size() <= kUnindexed) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (same(i)) return &items_[i].second;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = begin; it != end; ++it) {
    if (same(it->second)) return &items_[it->second].second;
  }
  return nullptr;
}

void Dict::set(Budget& budget, Value key, Value value) {
  const std::size_t hashed = hash(budget, key);
  depth = std::max(depth, depth_around(budget, std::max(key.depth(), value.depth())));
  if (const auto at = place(budget, hashed, key)) {
    items_[*at].second = std::move(value);
    return;
  }
  budget.step();
  lease.grow(kEntryBytes);
  items_.emplace_back(std::move(key), std::move(value));
  if (items_.size() == kUnindexed + 1) {
    for (std::size_t i = 0; i < kUnindexed; ++i) index_.emplace(hash(budget, items_[i].first), i);
  }
  if (items_.size() > kUnindexed) index_.emplace(hashed, items_.size() - 1);
}

void Object::print(Budget&, Builder& out) const {
  out.append('<');
  out.append(type_name());
  out.append(" object>");
}
std::optional<Value> Object::attribute(Budget&, std::string_view) { return std::nullopt; }
// Overriders take the arguments apart, so they come by value.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Value Object::call(Runtime&, Arguments) { throw Failure("'" + std::string(type_name()) + "' object is not callable"); }
std::optional<Value> Object::iterate(Budget&) { return std::nullopt; }

Value undefined(Budget& budget, const std::string& why) {
  return {Kind::undefined, std::make_shared<Text>(&budget, why, false)};
}

Value string(Budget* budget, std::string bytes, bool markup) {
  return {Kind::string, std::make_shared<Text>(budget, std::move(bytes), markup)};
}

int depth_around(const Budget& budget, int depth) {
  if (depth >= budget.max_depth()) throw Failure("nests data too deeply");
  return depth + 1;
}

Value list(Budget& budget, std::vector<Value> items) {
  auto sequence = std::make_shared<Sequence>(&budget, std::move(items));
  depth_around(budget, sequence->depth - 1);
  return {Kind::list, std::move(sequence)};
}

Value tuple(Budget& budget, std::vector<Value> items) {
  auto sequence = std::make_shared<Sequence>(&budget, std::move(items));
  depth_around(budget, sequence->depth - 1);
  return {Kind::tuple, std::move(sequence)};
}

Value group(Budget& budget, Value grouper, Value members) {
  const auto sequence = std::make_shared<Sequence>(&budget, std::vector<Value>{std::move(grouper), std::move(members)});
  depth_around(budget, sequence->depth - 1);
  sequence->is_group = true;
  return {Kind::tuple, sequence};
}

Value from_json(Budget& budget, const nlohmann::ordered_json& json, int level) {
  using Json = nlohmann::ordered_json;
  depth_around(budget, level);
  const auto text = [&](const std::string& bytes) {
    if (find_invalid_utf8(bytes) != std::string_view::npos) throw Failure("the context holds ill-formed UTF-8");
    return string(&budget, bytes);
  };
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      if (json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw Failure("the context holds an integer past 64 bits");
      }
      return Value(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return text(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      ListBuilder items(budget);
      for (const auto& item : json) items.add(from_json(budget, item, level + 1));
      return items.finish();
    }
    case Json::value_t::object: {
      auto dict = std::make_shared<Dict>(&budget);
      for (const auto& [key, item] : json.items()) dict->set(budget, text(key), from_json(budget, item, level + 1));
      return {Kind::dict, std::move(dict)};
    }
    default:
      return {};
  }
}

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::real:
      return "float";
    case Kind::string:
      return value.text().markup ? "Markup" : "str";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::dict:
      return "dict";
    case Kind::object:
      break;
  }
  return std::string(value.object().type_name());
}

void Builder::append(std::string_view bytes) {
  budget_.touch(bytes.size());
  lease_.grow(bytes.size());
  bytes_.append(bytes);
}

}  // namespace assay::tokenizer::jinja

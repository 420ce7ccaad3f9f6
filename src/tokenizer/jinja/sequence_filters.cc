// Filters for lists and other things with elements.
#include <algorithm>
#include <functional>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/is_tests.h"
#include "tokenizer/jinja/objects.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace assay::tokenizer::jinja {
namespace {

using P = const Parameters&;

Value iterator(Budget& budget, ListBuilder& items) { return Value(std::make_shared<Iterator>(budget, items.finish())); }

Value first(Runtime& runtime, const Value& subject, P) {
  std::optional<Value> found;
  if (auto* once = subject.as<Iterator>()) {
    found = once->next();
  } else {
    const Value items = iterate(runtime.budget, subject);
    if (!items.items().empty()) found = items.items().front();
  }
  return found ? *found : undefined(runtime.budget, "No first item, sequence was empty.");
}

Value last(Runtime& runtime, const Value& subject, P) {
  if (subject.as<Iterator>() != nullptr) throw Failure("'generator' object is not reversible");
  const Value items = iterate(runtime.budget, subject);
  return items.items().empty() ? undefined(runtime.budget, "No last item, sequence was empty.") : items.items().back();
}

Value reverse(Runtime& runtime, const Value& subject, P) {
  if (subject.is_string()) return slice(runtime.budget, subject, {}, {}, Value(std::int64_t{-1}));
  const Value items = iterate(runtime.budget, subject);
  ListBuilder out(runtime.budget);
  for (auto it = items.items().rbegin(); it != items.items().rend(); ++it) out.add(*it);
  // What has an end can be walked from there; all else Jinja turns into a list first.
  const auto* once = subject.as<Iterator>();
  return once != nullptr || subject.is_undefined() ? out.finish() : iterator(runtime.budget, out);
}

Value items(Runtime& runtime, const Value& subject, P) {
  ListBuilder out(runtime.budget);
  if (subject.is(Kind::dict)) {
    for (const auto& [key, value] : subject.dict().items()) out.add(tuple(runtime.budget, {key, value}));
  } else if (!subject.is_undefined()) {
    throw Failure("Can only get item pairs from a mapping.");
  }
  return iterator(runtime.budget, out);
}

Value map(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  ListBuilder out(budget);
  if (!truth(subject)) return iterator(budget, out);
  const Value all = iterate(budget, subject);
  if (parameters.rest().empty()) {
    Value attribute, fallback;
    for (const auto& [name, value] : parameters.keyword()) {
      if (name == "attribute") {
        attribute = value;
      } else if (name == "default") {
        fallback = value;
      } else {
        throw Failure("Unexpected keyword argument '" + name + "'");
      }
    }
    if (attribute.is_none()) throw Failure("map requires a filter argument");
    for (const Value& item : all.items()) out.add(attribute_path(budget, item, attribute, fallback));
    return iterator(budget, out);
  }
  const Value& name = parameters.rest().front();
  const Operation* filter = name.is_string() ? find_filter(name.bytes()) : nullptr;
  if (filter == nullptr) throw Failure("No filter named " + describe(budget, name) + ".", ErrorKind::unsupported);
  for (const Value& item : all.items()) {
    Arguments arguments{{parameters.rest().begin() + 1, parameters.rest().end()}, parameters.keyword()};
    out.add(apply(runtime, *filter, item, std::move(arguments)));
  }
  return iterator(budget, out);
}

// select, reject, selectattr, rejectattr: elements that pass a test (or not), themselves or by an attribute.
template <bool kByAttribute, bool kWanted>
Value choose(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  ListBuilder out(budget);
  if (!truth(subject)) return iterator(budget, out);
  std::size_t next = 0;
  const auto& rest = parameters.rest();
  if (kByAttribute && rest.empty()) throw Failure("Missing parameter for attribute name");
  const Value attribute = kByAttribute ? rest[next++] : Value();
  const Operation* test = nullptr;
  if (next < rest.size()) {
    const Value& name = rest[next++];
    test = name.is_string() ? find_test(name.bytes()) : nullptr;
    if (test == nullptr) throw Failure("No test named " + describe(budget, name) + ".", ErrorKind::unsupported);
  }
  const Value all = iterate(budget, subject);
  for (const Value& item : all.items()) {
    const Value tested = attribute_path(budget, item, attribute);
    bool passes = false;
    if (test == nullptr) {
      passes = truth(tested);
    } else {
      Arguments arguments{{rest.begin() + static_cast<std::ptrdiff_t>(next), rest.end()}, parameters.keyword()};
      passes = truth(apply(runtime, *test, tested, std::move(arguments)));
    }
    if (passes == kWanted) out.add(item);
  }
  return iterator(budget, out);
}

// Sorts as Python does: stable, and stable too when reversed.
Value sorted(Budget& budget, const Value& all, const std::function<Value(const Value&)>& key, bool reversed) {
  ListBuilder keyed(budget);
  for (const Value& item : all.items()) keyed.add(tuple(budget, {key(item), item}));
  std::stable_sort(keyed.items().begin(), keyed.items().end(), [&](const Value& a, const Value& b) {
    const Value &x = a.items()[0], &y = b.items()[0];
    return reversed ? less(budget, y, x) : less(budget, x, y);
  });
  ListBuilder out(budget);
  for (const Value& pair : keyed.items()) out.add(pair.items()[1]);
  return out.finish();
}

Value sort(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const bool case_sensitive = parameters.truth(1, false);
  // "a,b" sorts by the one, then by the other.
  std::vector<Value> paths;
  if (parameters[2].is_string()) {
    for (std::string_view rest = parameters[2].bytes();;) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      paths.push_back(string(&budget, std::string(rest.substr(0, comma))));
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
  } else {
    paths.push_back(parameters[2]);
  }
  const auto key = [&](const Value& item) {
    std::vector<Value> parts;
    for (const Value& path : paths) {
      Value part = attribute_path(budget, item, path);
      parts.push_back(case_sensitive ? part : ignore_case(budget, part));
    }
    return tuple(budget, std::move(parts));
  };
  return sorted(budget, iterate(budget, subject), key, parameters.truth(0, false));
}

// Runs of equal keys behind a sort; the first of a run gives the grouper's spelling.
Value group_by(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const bool case_sensitive = parameters.truth(2, false);
  const auto spelling = [&](const Value& item) { return attribute_path(budget, item, parameters[0], parameters[1]); };
  const auto key = [&](const Value& item) {
    return case_sensitive ? spelling(item) : ignore_case(budget, spelling(item));
  };
  const Value all = sorted(budget, iterate(budget, subject), key, false);
  ListBuilder groups(budget);
  for (std::size_t begin = 0, end = 0; begin < all.items().size(); begin = end) {
    const Value its_key = key(all.items()[begin]);
    ListBuilder members(budget);
    while (end < all.items().size() && equals(budget, key(all.items()[end]), its_key)) members.add(all.items()[end++]);
    if (end == begin) members.add(all.items()[end++]);  // NaN is not even equal to itself
    groups.add(group(budget, spelling(all.items()[begin]), members.finish()));
  }
  return groups.finish();
}

Value sort_dict(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const bool case_sensitive = parameters.truth(0, false);
  const std::string_view by = parameters.text(1, "key");
  if (by != "key" && by != "value") throw Failure("You can only sort by either \"key\" or \"value\"");
  if (!subject.is(Kind::dict)) throw Failure("'" + type_name(subject) + "' object has no attribute 'items'");
  ListBuilder pairs(budget);
  for (const auto& [key, value] : subject.dict().items()) pairs.add(tuple(budget, {key, value}));
  const auto key = [&](const Value& pair) {
    const Value& part = pair.items()[by == "key" ? 0 : 1];
    return case_sensitive ? part : ignore_case(budget, part);
  };
  return sorted(budget, pairs.finish(), key, parameters.truth(2, false));
}

Value unique(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const bool case_sensitive = parameters.truth(0, false);
  const auto seen = std::make_shared<Dict>(&budget);
  ListBuilder out(budget);
  const Value all = iterate(budget, subject);
  for (const Value& item : all.items()) {
    Value key = attribute_path(budget, item, parameters[1]);
    if (!case_sensitive) key = ignore_case(budget, key);
    if (seen->find(budget, key) != nullptr) continue;
    seen->set(budget, std::move(key), {});
    out.add(item);
  }
  return iterator(budget, out);
}

template <bool kGreatest>
Value extreme(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const bool case_sensitive = parameters.truth(0, false);
  const Value all = iterate(budget, subject);
  if (all.items().empty()) return undefined(budget, "No aggregated item, sequence was empty.");
  Value best, best_key;
  for (std::size_t i = 0; i < all.items().size(); ++i) {
    Value key = attribute_path(budget, all.items()[i], parameters[1]);
    if (!case_sensitive) key = ignore_case(budget, key);
    if (i > 0 && !compare(budget, kGreatest ? ">" : "<", key, best_key)) continue;
    best = all.items()[i];
    best_key = std::move(key);
  }
  return best;
}

Value sum(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  Value total = parameters.has(1) ? parameters[1] : Value(std::int64_t{0});
  if (total.is_string()) throw Failure("sum() can't sum strings [use ''.join(seq) instead]");
  const Value all = iterate(budget, subject);
  for (const Value& item : all.items()) {
    total = arithmetic(budget, "+", total, attribute_path(budget, item, parameters[0]));
  }
  return total;
}

std::size_t positive(std::int64_t count, const char* filter) {
  if (count < 1) throw Failure(std::string(filter) + "() wants a positive count");
  return static_cast<std::size_t>(count);
}

Value batch(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const std::size_t size = positive(parameters.integer(0, 0), "batch");
  const Value all = iterate(budget, subject);
  ListBuilder out(budget);
  for (std::size_t from = 0; from < all.items().size(); from += std::min(size, all.items().size())) {
    ListBuilder part(budget);
    for (std::size_t i = from; i < all.items().size() && i - from < size; ++i) part.add(all.items()[i]);
    while (!parameters[1].is_none() && part.size() < size) part.add(parameters[1]);
    out.add(part.finish());
  }
  return iterator(budget, out);
}

Value slice_filter(Runtime& runtime, const Value& subject, P parameters) {
  Budget& budget = runtime.budget;
  const std::size_t count = positive(parameters.integer(0, 0), "slice");
  const Value all = iterate(budget, subject);
  const std::size_t size = all.items().size() / count, longer = all.items().size() % count;
  ListBuilder out(budget);
  for (std::size_t i = 0, next = 0; i < count; ++i) {
    ListBuilder part(budget);
    for (const std::size_t end = next + size + (i < longer ? 1 : 0); next < end; ++next) part.add(all.items()[next]);
    if (!parameters[1].is_none() && i >= longer) part.add(parameters[1]);
    out.add(part.finish());
  }
  return iterator(budget, out);
}

Value count(Runtime&, const Value& subject, P) { return Value(static_cast<std::int64_t>(length(subject))); }

Value to_list(Runtime& runtime, const Value& subject, P) {
  const Value all = iterate(runtime.budget, subject);
  return all.is(Kind::list) ? all : list(runtime.budget, all.items());
}

Value fallback(Runtime& runtime, const Value& subject, P parameters) {
  const bool missing = subject.is_undefined() || (parameters.truth(1, false) && !truth(subject));
  if (!missing) return subject;
  return parameters.has(0) ? parameters[0] : string(&runtime.budget, "");
}

Value attr(Runtime& runtime, const Value& subject, P parameters) {
  // Unlike the dot, the filter does not look for keys.
  if (subject.is(Kind::dict)) return undefined(runtime.budget, "'dict object' has no such attribute");
  return get_attribute(runtime.budget, subject, parameters.text(0, ""));
}

}  // namespace

const std::vector<Operation>& sequence_filters() {
  static const std::vector<Operation> table = {
      {"attr", attr, "name"},
      {"batch", batch, "linecount fill_with?"},
      {"count", count, ""},
      {"d", fallback, "default_value? boolean?"},
      {"default", fallback, "default_value? boolean?"},
      {"dictsort", sort_dict, "case_sensitive? by? reverse?"},
      {"first", first, ""},
      {"groupby", group_by, "attribute default? case_sensitive?"},
      {"items", items, ""},
      {"last", last, ""},
      {"length", count, ""},
      {"list", to_list, ""},
      {"map", map, "*"},
      {"max", extreme<true>, "case_sensitive? attribute?"},
      {"min", extreme<false>, "case_sensitive? attribute?"},
      {"reject", choose<false, false>, "*"},
      {"rejectattr", choose<true, false>, "*"},
      {"reverse", reverse, ""},
      {"select", choose<false, true>, "*"},
      {"selectattr", choose<true, true>, "*"},
      {"slice", slice_filter, "slices fill_with?"},
      {"sort", sort, "reverse? case_sensitive? attribute?"},
      {"sum", sum, "attribute? start?"},
      {"unique", unique, "case_sensitive? attribute?"},
  };
  return table;
}

}  // namespace assay::tokenizer::jinja

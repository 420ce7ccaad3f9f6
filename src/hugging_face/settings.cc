#include "hugging_face/settings.h"

#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace assay::hugging_face {

Settings Settings::read(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::string text = read_file(path, max_bytes);
  // What copies and prints JSON calls itself for each level.
  constexpr int kMaxDepth = 64;
  const auto check_depth = [&](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) throw Error(ErrorKind::input, fmt::format("{}: nested too deep", path.string()));
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, check_depth);
  } catch (const Json::parse_error& error) {
    throw Error(ErrorKind::input, fmt::format("{}: no JSON, at byte offset {}", path.string(), error.byte));
  } catch (const Json::exception&) {
    throw Error(ErrorKind::input, fmt::format("{}: a number that is too large", path.string()));
  }
  if (!json.is_object()) throw Error(ErrorKind::input, fmt::format("{}: no JSON object", path.string()));
  return {path.string(), std::move(json)};
}

const Json* Settings::find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::uint32_t> Settings::count(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
    refuse(name, "must be a whole number below 2^32");
  }
  return value->get<std::uint32_t>();
}

std::optional<double> Settings::number(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) refuse(name, "must be a number");
  return value->get<double>();
}

std::optional<bool> Settings::flag(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(name, "must be true or false");
  return value->get<bool>();
}

std::optional<std::string> Settings::text(std::string_view name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(name, "must be a text");
  return value->get<std::string>();
}

std::optional<std::vector<double>> Settings::numbers(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  std::vector<double> numbers;
  for (const Json& value : array(name)) {
    if (!value.is_number()) refuse(name, "must be a list of numbers");
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

const Json& Settings::object(std::string_view name) const {
  static const Json nothing = Json::object();
  const Json* value = find(name);
  if (value == nullptr) return nothing;
  if (!value->is_object()) refuse(name, "must be an object");
  return *value;
}

const Json& Settings::array(std::string_view name) const {
  static const Json nothing = Json::array();
  const Json* value = find(name);
  if (value == nullptr) return nothing;
  if (!value->is_array()) refuse(name, "must be a list");
  return *value;
}

Settings Settings::flattened(std::string_view name) const {
  Json merged = object_;
  for (const auto& [key, value] : object(name).items()) merged[key] = value;
  return {file_, std::move(merged)};
}

void Settings::refuse(std::string_view name, const std::string& problem) const {
  throw Error(ErrorKind::input, fmt::format("{}: {} {}", file_, printable(name), problem),
              "The file is damaged or not what Hugging Face's transformers write: fetch it again.");
}

void Settings::refuse(std::string_view name, const std::string& problem, const std::string& hint) const {
  throw Error(ErrorKind::unsupported, fmt::format("{}: {} {}", file_, printable(name), problem), hint);
}

}  // namespace assay::hugging_face

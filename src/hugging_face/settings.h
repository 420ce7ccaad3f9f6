// A JSON file of settings, such as config.json: members by name, of the kind that is asked for, or an error that names
// file and member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace assay::hugging_face {

using Json = nlohmann::json;

class Settings {
 public:
  /// Throws Error{io}; Error{input} for a file that is larger, no JSON, or no object.
  static Settings read(const std::filesystem::path& path, std::size_t max_bytes);
  /// An object inside a file: `file` is what errors name.
  Settings(std::string file, Json object) : file_(std::move(file)), object_(std::move(object)) {}

  const std::string& file() const { return file_; }
  const Json& json() const { return object_; }
  /// Whether it is there and not null.
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Null when it is absent or null.
  const Json* find(std::string_view name) const;

  /// Nullopt when absent. Throw Error{input} for a member of another kind; counts are below 2^32.
  std::optional<std::uint32_t> count(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::vector<double>> numbers(std::string_view name) const;
  /// Empty when absent.
  const Json& object(std::string_view name) const;
  const Json& array(std::string_view name) const;

  /// Members of the object `name` stand in front of those of the same name outside.
  Settings flattened(std::string_view name) const;

  /// Throws Error{input}: "FILE: NAME PROBLEM".
  [[noreturn]] void refuse(std::string_view name, const std::string& problem) const;
  /// Error{unsupported} with a hint.
  [[noreturn]] void refuse(std::string_view name, const std::string& problem, const std::string& hint) const;

 private:
  std::string file_;
  Json object_;
};

}  // namespace assay::hugging_face

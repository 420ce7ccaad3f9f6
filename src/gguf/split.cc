#include "gguf/split.h"

#include <string>

#include <fmt/format.h>

#include "base/error.h"

namespace assay::gguf {
namespace {

constexpr std::string_view kNumberKey = "split.no";
constexpr std::string_view kCountKey = "split.count";
constexpr std::string_view kTensorsKey = "split.tensors.count";
constexpr std::string_view kMixedHint = "Parts of different models or versions are mixed: fetch all parts again.";

std::string suffix(std::uint64_t index, std::uint64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", index + 1, count);
}

bool is_named(const std::filesystem::path& path, std::uint64_t index, std::uint64_t count) {
  const std::string file_name = path.filename().string();
  const std::string end = suffix(index, count);
  return file_name.size() > end.size() && file_name.compare(file_name.size() - end.size(), end.size(), end) == 0;
}

std::string prefix(const std::filesystem::path& path) {
  const std::string file_name = path.filename().string();
  return file_name.substr(0, file_name.size() - suffix(0, 1).size());
}

}  // namespace

std::uint64_t split_count(const Part& part) {
  const std::uint64_t count = part.metadata.get_uint(kCountKey).value_or(1);
  if (count > UINT16_MAX) part.metadata.refuse(kCountKey, fmt::format("{} parts, at most 65535", count), kDamagedHint);
  // Tools that merge parts leave a count of 0.
  return count == 0 ? 1 : count;
}

void check_first_part(const Part& first, const std::filesystem::path& path) {
  const std::uint64_t count = split_count(first);
  const std::uint64_t index = first.metadata.get_uint(kNumberKey).value_or(0);
  if (index >= count) {
    first.metadata.refuse(kNumberKey, fmt::format("{}, but the model has only {} parts", index, count), kMixedHint);
  }
  if (index > 0) {
    const std::string open = (is_named(path, index, count) ? prefix(path) : "NAME") + suffix(0, count);
    first.metadata.refuse(kNumberKey, fmt::format("this is part {} of {}", index + 1, count),
                          fmt::format("Open the first part, {}: the others are found from it.", open));
  }
  if (!is_named(path, index, count)) {
    first.metadata.refuse(
        kCountKey, fmt::format("{} parts, but the name does not end in {}", count, suffix(0, count)),
        fmt::format("Give the parts their names back: NAME{} to NAME{}.", suffix(0, count), suffix(count - 1, count)));
  }
}

void refuse_split(const Part& part) {
  const std::uint64_t count = split_count(part);
  if (count > 1) {
    part.metadata.refuse(kCountKey, fmt::format("one of {} parts, which can only be opened as files", count),
                         "Open part 1 by its path.");
  }
}

std::filesystem::path path_of_part(const std::filesystem::path& first, std::uint64_t index, std::uint64_t count) {
  return first.parent_path() / (prefix(first) + suffix(index, count));
}

void refuse_missing_part(const Part& first, const std::filesystem::path& path) {
  first.metadata.refuse(kCountKey,
                        fmt::format("{} parts, but {} is missing", split_count(first), path.filename().string()),
                        "Fetch all parts into one folder.");
}

void check_part(const Part& part, std::uint64_t index, std::uint64_t count) {
  for (const std::string_view key : {kNumberKey, kCountKey}) {
    const std::uint64_t wanted = key == kNumberKey ? index : count;
    const auto found = part.metadata.get_uint(key);
    if (!found) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: key '{}' is missing in part {} of {}", part.name, key, index + 1, count),
                  std::string(kMixedHint));
    }
    if (*found != wanted) part.metadata.refuse(key, fmt::format("{}, must be {}", *found, wanted), kMixedHint);
  }
}

void check_tensor_count(const Part& first, std::uint64_t tensor_count) {
  const auto expected = first.metadata.get_uint(kTensorsKey);
  if (expected && *expected != tensor_count) {
    first.metadata.refuse(kTensorsKey, fmt::format("{}, but the parts hold {}", *expected, tensor_count), kMixedHint);
  }
}

}  // namespace assay::gguf

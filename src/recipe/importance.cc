#include "recipe/importance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "gguf/file.h"
#include "gguf/writer.h"

namespace assay::recipe {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";
constexpr std::size_t kMaxNameBytes = 4096;

[[noreturn]] void refuse(const std::string& file, const std::string& problem) {
  throw Error(ErrorKind::input, fmt::format("{}: {}", file, problem),
              "An importance matrix comes from assay imatrix or llama-imatrix.");
}

void check_entry(const std::string& file, std::string_view name, const Importance::Entry& entry) {
  const auto is_bad = [](float value) { return !std::isfinite(value) || value < 0; };
  const auto bad = std::find_if(entry.sums.begin(), entry.sums.end(), is_bad);
  if (bad != entry.sums.end()) {
    refuse(file, fmt::format("'{}': value {} is {}, which no sum of squares is", printable(name),
                             bad - entry.sums.begin(), *bad));
  }
  if (std::any_of(entry.counts.begin(), entry.counts.end(), is_bad)) {
    refuse(file, fmt::format("'{}': a count is negative or not finite", printable(name)));
  }
  const std::vector<float> means = entry.means();
  if (std::any_of(means.begin(), means.end(), is_bad)) {
    refuse(file, fmt::format("'{}': sums divided by counts are not finite", printable(name)));
  }
}

std::vector<float> floats(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

std::vector<float> floats_of(const gguf::File& file, const gguf::Tensor& tensor) {
  if (tensor.type->name != "F32") {
    refuse(file.name(), fmt::format("tensor '{}' is {}, must be F32", printable(tensor.name), tensor.type->name));
  }
  return floats(tensor.data);
}

Importance read_gguf(const gguf::File& file) {
  if (file.get_string("general.type").value_or("") != "imatrix") {
    refuse(file.name(), "a GGUF file whose general.type is not 'imatrix'");
  }
  Importance importance;
  for (const gguf::Tensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSums)) continue;
    const std::string name(tensor.name.substr(0, tensor.name.size() - kSums.size()));
    const gguf::Tensor* counts = file.find_tensor(name + std::string(kCounts));
    if (counts == nullptr) refuse(file.name(), fmt::format("no tensor '{}{}'", printable(name), kCounts));
    Importance::Entry entry = {floats_of(file, tensor), floats_of(file, *counts)};
    if (entry.sums.size() % entry.counts.size() != 0) {
      refuse(file.name(),
             fmt::format("'{}': {} sums for {} counts", printable(name), entry.sums.size(), entry.counts.size()));
    }
    importance.entries.emplace(name, std::move(entry));
  }
  if (const auto* datasets = file.get_strings("imatrix.datasets"); datasets != nullptr && !datasets->empty()) {
    importance.dataset = datasets->front();
  }
  importance.chunks = static_cast<std::uint32_t>(file.get_uint("imatrix.chunk_count").value_or(0));
  importance.chunk_tokens = static_cast<std::uint32_t>(file.get_uint("imatrix.chunk_size").value_or(0));
  return importance;
}

/// Takes pieces from the front of a .dat file.
class DatReader {
 public:
  DatReader(std::string file, std::span<const std::byte> bytes) : file_(std::move(file)), bytes_(bytes) {}

  bool at_end() const { return at_ == bytes_.size(); }

  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    if (count > bytes_.size() - at_) {
      refuse(file_, fmt::format("{} at byte {} needs {} bytes, {} are left", what, at_, count, bytes_.size() - at_));
    }
    const auto piece = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return piece;
  }

  std::uint32_t take_count(std::string_view what, std::uint32_t most) {
    const std::size_t from = at_;
    std::int32_t number = 0;
    std::memcpy(&number, take(sizeof number, what).data(), sizeof number);
    if (number < 0 || static_cast<std::uint32_t>(number) > most) {
      refuse(file_, fmt::format("{} at byte {} is {}, must be 0 to {}", what, from, number, most));
    }
    return static_cast<std::uint32_t>(number);
  }

  std::string take_string(std::string_view what) {
    const auto bytes = take(take_count(what, kMaxNameBytes), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::string file_;
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

Importance read_dat(const std::string& file, std::span<const std::byte> bytes) {
  constexpr std::uint32_t kMany = INT32_MAX;
  DatReader reader(file, bytes);
  Importance importance;
  const std::uint32_t count = reader.take_count("the number of entries", kMany);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name = reader.take_string("the name of an entry");
    const std::uint32_t calls = reader.take_count("the calls of an entry", kMany);
    const std::uint32_t values = reader.take_count("the values of an entry", kMany);
    Importance::Entry entry = {floats(reader.take(std::uint64_t{values} * sizeof(float), "an entry")),
                               {static_cast<float>(std::max(calls, 1U))}};
    if (!importance.entries.emplace(name, std::move(entry)).second) {
      refuse(file, fmt::format("'{}' stands there twice", printable(name)));
    }
  }
  if (!reader.at_end()) importance.chunks = reader.take_count("the number of chunks", kMany);
  if (!reader.at_end()) importance.dataset = reader.take_string("the dataset");
  return importance;
}

void write_gguf(const Importance& importance, const std::filesystem::path& path) {
  gguf::Writer writer;
  writer.add_string("general.type", "imatrix");
  writer.add_strings("imatrix.datasets", std::array{importance.dataset});
  writer.add_uint("imatrix.chunk_count", importance.chunks);
  writer.add_uint("imatrix.chunk_size", importance.chunk_tokens);
  const quant::Type& f32 = *quant::find_type("F32");
  for (const auto& [name, entry] : importance.entries) {
    const std::uint64_t matrices = entry.counts.size();
    writer.add_tensor(name + std::string(kSums), f32, {entry.sums.size() / matrices, matrices},
                      std::as_bytes(std::span(entry.sums)));
    writer.add_tensor(name + std::string(kCounts), f32, {1, matrices}, std::as_bytes(std::span(entry.counts)));
  }
  writer.write(path);
}

void write_dat(const Importance& importance, const std::filesystem::path& path) {
  OutputFile file(path);
  const auto put_number = [&](std::size_t number) {
    const auto narrow = static_cast<std::int32_t>(number);
    file.write(std::as_bytes(std::span(&narrow, 1)));
  };
  const auto put_string = [&](std::string_view text) {
    put_number(text.size());
    file.write(text);
  };
  put_number(importance.entries.size());
  for (const auto& [name, entry] : importance.entries) {
    put_string(name);
    put_number(importance.chunks);
    put_number(entry.sums.size());
    std::vector<float> values = entry.means();
    for (float& value : values) value *= static_cast<float>(std::max(importance.chunks, 1U));
    file.write(std::as_bytes(std::span(values)));
  }
  put_number(importance.chunks);
  put_string(importance.dataset);
  file.commit();
}

}  // namespace

std::vector<float> Importance::Entry::means() const {
  std::vector<float> result(sums.size());
  const std::size_t columns = sums.size() / counts.size();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const float count = counts[i / columns];
    result[i] = count > 0 ? sums[i] / count : 1.0F;
  }
  return result;
}

Importance read_importance(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::open(path);
  const auto bytes = file.bytes();
  const bool is_gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
  Importance importance = is_gguf ? read_gguf(gguf::File::parse(path, bytes)) : read_dat(path, bytes);
  if (importance.entries.empty()) refuse(path, "holds no entry");
  for (const auto& [name, entry] : importance.entries) check_entry(path, name, entry);
  return importance;
}

void write_importance(const Importance& importance, const std::filesystem::path& path) {
  if (path.extension() == ".dat") {
    write_dat(importance, path);
  } else {
    write_gguf(importance, path);
  }
}

}  // namespace assay::recipe

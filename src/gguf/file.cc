#include "gguf/file.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "gguf/part.h"
#include "gguf/split.h"

namespace assay::gguf {

struct File::Contents {
  std::vector<MappedFile> maps;
  std::vector<std::byte> metadata;    ///< of an assembled model
  std::shared_ptr<const void> owner;  ///< of its names and data
  std::vector<std::span<const std::byte>> parts;
  Part first;
  std::vector<Tensor> tensors;                    ///< of all parts
  std::map<std::string_view, std::size_t> index;  ///< name -> place in tensors
  std::uint64_t size_bytes = 0;

  /// Moves the tensors of a part here. Refuses names that are taken.
  void add_tensors(Part& part) {
    parts.push_back(part.bytes);
    size_bytes += part.bytes.size();
    for (Tensor& tensor : part.tensors) {
      if (!index.emplace(tensor.name, tensors.size()).second) {
        const auto offset = tensor.name.data() - reinterpret_cast<const char*>(part.bytes.data());
        throw Error(ErrorKind::input,
                    fmt::format("{}: tensor name '{}' (byte {}): there is a tensor of that name before it", part.name,
                                printable(tensor.name), offset),
                    "The file was written by a faulty tool, or parts of different models are mixed: fetch it again.");
      }
      tensors.push_back(std::move(tensor));
    }
    part.tensors.clear();
  }
};

File::File(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

File File::open(const std::filesystem::path& path) {
  auto contents = std::make_unique<Contents>();
  const auto read = [&](const std::filesystem::path& part_path) {
    const MappedFile& map = contents->maps.emplace_back(MappedFile::open(part_path));
    return read_part(part_path.string(), map.bytes());
  };
  contents->first = read(path);
  const std::uint64_t count = split_count(contents->first);
  if (count > 1) check_first_part(contents->first, path);
  contents->add_tensors(contents->first);
  for (std::uint64_t i = 1; i < count; ++i) {
    const std::filesystem::path part_path = path_of_part(path, i, count);
    if (!std::filesystem::exists(part_path)) refuse_missing_part(contents->first, part_path);
    Part part = read(part_path);
    check_part(part, i, count);
    contents->add_tensors(part);
  }
  if (count > 1) check_tensor_count(contents->first, contents->tensors.size());
  return File(std::move(contents));
}

File File::parse(std::string name, std::span<const std::byte> bytes) {
  auto contents = std::make_unique<Contents>();
  contents->first = read_part(std::move(name), bytes);
  refuse_split(contents->first);
  contents->add_tensors(contents->first);
  return File(std::move(contents));
}

File File::assemble(std::string name, std::vector<std::byte> metadata, std::vector<Tensor> tensors,
                    std::shared_ptr<const void> owner) {
  auto contents = std::make_unique<Contents>();
  contents->metadata = std::move(metadata);
  contents->owner = std::move(owner);
  contents->first = read_part(std::move(name), contents->metadata);
  contents->first.tensors = std::move(tensors);
  contents->add_tensors(contents->first);
  for (const Tensor& tensor : contents->tensors) {
    contents->parts.push_back(tensor.data);
    contents->size_bytes += tensor.data.size();
  }
  return File(std::move(contents));
}

const std::string& File::name() const { return contents_->first.name; }
std::uint32_t File::version() const { return contents_->first.version; }
std::uint64_t File::size_bytes() const { return contents_->size_bytes; }
std::span<const std::span<const std::byte>> File::parts() const { return contents_->parts; }
std::uint64_t File::alignment() const { return contents_->first.alignment; }

std::span<const std::pair<std::string_view, Value>> File::metadata() const { return contents_->first.metadata.pairs(); }
std::span<const Tensor> File::tensors() const { return contents_->tensors; }

const Value* File::find(std::string_view key) const { return contents_->first.metadata.find(key); }

const Tensor* File::find_tensor(std::string_view tensor_name) const {
  const auto found = contents_->index.find(tensor_name);
  return found == contents_->index.end() ? nullptr : &contents_->tensors[found->second];
}

std::optional<std::uint64_t> File::get_uint(std::string_view key) const {
  return contents_->first.metadata.get_uint(key);
}
std::optional<double> File::get_float(std::string_view key) const { return contents_->first.metadata.get_float(key); }
std::optional<bool> File::get_bool(std::string_view key) const { return contents_->first.metadata.get_bool(key); }

std::optional<std::string_view> File::get_string(std::string_view key) const {
  return contents_->first.metadata.get_string(key);
}

const std::vector<std::string_view>* File::get_strings(std::string_view key) const {
  return contents_->first.metadata.get_strings(key);
}

std::vector<float> File::get_floats(std::string_view key) const { return contents_->first.metadata.get_floats(key); }
std::vector<std::int64_t> File::get_ints(std::string_view key) const { return contents_->first.metadata.get_ints(key); }

}  // namespace assay::gguf

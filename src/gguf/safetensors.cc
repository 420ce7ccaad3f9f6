#include "gguf/safetensors.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "quant/half.h"

namespace assay::gguf {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxTensors = 1 << 18;
constexpr std::size_t kMaxDimensions = 16;
constexpr std::string_view kMetadataKey = "__metadata__";

struct DtypeInfo {
  std::string_view name;
  std::size_t size_bytes;
};
/// By Dtype.
constexpr DtypeInfo kDtypes[] = {{"F64", 8},     {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1},
                                 {"F8_E5M2", 1}, {"I64", 8}, {"I32", 4}, {"I16", 2},  {"I8", 1},
                                 {"U64", 8},     {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}};

std::optional<Dtype> find_dtype(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kDtypes); ++i) {
    if (kDtypes[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

/// What the header says of one tensor, unchecked.
struct Entry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Takes the header as it is parsed, so that no document of the file's choosing is ever built.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  std::vector<Entry> entries;
  std::map<std::string, std::string, std::less<>> metadata;

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a number with a fraction"); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ != Place::numbers) return refuse("a number");
    const std::size_t most = numbers_ == &entries.back().shape ? kMaxDimensions : 2;
    if ((*numbers_)->size() == most) fail(fmt::format("more than {} numbers in '{}'", most, printable(key_)));
    (*numbers_)->push_back(number);
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      metadata[key_] = std::move(text);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      entries.back().dtype = std::move(text);
    } else {
      return refuse("a string");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::root;
    } else if (place_ == Place::root && key_ == kMetadataKey) {
      place_ = Place::metadata;
    } else if (place_ == Place::root) {
      if (entries.size() == kMaxTensors) fail(fmt::format("more than {} tensors", kMaxTensors));
      entries.emplace_back().name = key_;
      place_ = Place::tensor;
    } else {
      return refuse("an object");
    }
    return true;
  }

  bool key(string_t& text) override {
    key_ = std::move(text);
    if (place_ == Place::root && key_ == kMetadataKey && std::exchange(has_metadata_, true)) fail_twice();
    if (place_ == Place::metadata && metadata.count(key_) != 0) fail_twice();
    if (place_ == Place::tensor) {
      const Entry& entry = entries.back();
      if (key_ == "dtype"   ? entry.dtype.has_value()
          : key_ == "shape" ? entry.shape.has_value()
                            : entry.offsets.has_value() && key_ == "data_offsets") {
        fail_twice();
      }
    }
    return true;
  }

  bool end_object() override {
    place_ = place_ == Place::root ? Place::outside : Place::root;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets")) return refuse("an array");
    numbers_ = key_ == "shape" ? &entries.back().shape : &entries.back().offsets;
    numbers_->emplace();
    place_ = Place::numbers;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    throw Error(ErrorKind::input, fmt::format("{}: the header is no JSON, at byte offset {}", file_,
                                              kLengthBytes + (position == 0 ? 0 : position - 1)));
  }

 private:
  enum class Place { outside, root, metadata, tensor, numbers };

  [[noreturn]] void fail(const std::string& problem) const {
    const bool in_tensor = place_ == Place::tensor || place_ == Place::numbers;
    throw Error(ErrorKind::input,
                in_tensor ? fmt::format("{}: tensor '{}': {}", file_, printable(entries.back().name), problem)
                          : fmt::format("{}: the header has {}", file_, problem));
  }
  [[noreturn]] void fail_twice() const { fail(fmt::format("'{}' twice", printable(key_))); }
  bool refuse(const char* what) const {
    if (place_ == Place::outside) fail(fmt::format("{} where an object should be", what));
    fail(fmt::format("{} at '{}', which does not belong there", what, printable(key_)));
  }

  const std::string& file_;
  Place place_ = Place::outside;
  std::string key_;
  bool has_metadata_ = false;
  std::optional<std::vector<std::uint64_t>>* numbers_ = nullptr;
};

SafeTensor checked(const std::string& file, Entry entry, std::span<const std::byte> data) {
  const auto fail = [&](const std::string& problem, ErrorKind kind = ErrorKind::input) {
    throw Error(kind, fmt::format("{}: tensor '{}': {}", file, printable(entry.name), problem));
  };
  if (!entry.dtype) fail("no dtype");
  if (!entry.shape) fail("no shape");
  if (!entry.offsets || entry.offsets->size() != 2) fail("data_offsets are not two numbers");
  const auto dtype = find_dtype(*entry.dtype);
  if (!dtype) fail(fmt::format("unknown dtype '{}'", printable(*entry.dtype, 40)), ErrorKind::unsupported);
  const std::uint64_t begin = (*entry.offsets)[0];
  const std::uint64_t end = (*entry.offsets)[1];
  if (begin > end || end > data.size()) {
    fail(fmt::format("data_offsets {} to {}, the file has {} bytes of data", begin, end, data.size()));
  }
  std::uint64_t bytes = size_bytes(*dtype);
  for (const std::uint64_t length : *entry.shape) {
    if (__builtin_mul_overflow(bytes, length, &bytes)) fail("a shape whose product overflows");
  }
  if (bytes != end - begin) {
    fail(fmt::format("{} bytes of data, its shape and dtype {} need {}", end - begin, *entry.dtype, bytes));
  }
  return {std::move(entry.name), *dtype, std::move(*entry.shape),
          data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(bytes))};
}

/// IEEE-like 8-bit floats, Micikevicius et al. 2022: E4M3 has no infinities and one NaN magnitude, E5M2 is the upper
/// half of a binary16.
double from_e4m3(std::uint8_t bits) {
  const int exponent = bits >> 3 & 0xF;
  const int mantissa = bits & 7;
  double value = exponent == 0 ? mantissa * 0x1p-9 : (8 + mantissa) * 0x1p-10 * static_cast<double>(1 << exponent);
  if ((bits & 0x7F) == 0x7F) value = static_cast<double>(quant::half_to_float(0x7E00));
  return bits >> 7 != 0 ? -value : value;
}

template <typename Stored, typename Convert>
void convert(const std::byte* data, std::size_t count, double* values, Convert to_double) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, data + i * sizeof(Stored), sizeof(Stored));
    values[i] = to_double(stored);
  }
}

template <typename Stored>
void convert(const std::byte* data, std::size_t count, double* values) {
  convert<Stored>(data, count, values, [](Stored stored) { return static_cast<double>(stored); });
}

}  // namespace

std::string_view name(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].name; }
std::size_t size_bytes(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].size_bytes; }

void read_values(const SafeTensor& tensor, std::uint64_t first, std::size_t count, double* values) {
  assert(first + count <= tensor.values());
  const std::byte* data = tensor.data.data() + static_cast<std::size_t>(first) * size_bytes(tensor.dtype);
  const auto from_half = [](std::uint16_t bits) { return static_cast<double>(quant::half_to_float(bits)); };
  const auto from_bfloat = [](std::uint16_t bits) { return static_cast<double>(quant::bfloat_to_float(bits)); };
  const auto from_e5m2 = [&](std::uint8_t bits) { return from_half(static_cast<std::uint16_t>(bits << 8)); };
  switch (tensor.dtype) {
    case Dtype::f64:
      return convert<double>(data, count, values);
    case Dtype::f32:
      return convert<float>(data, count, values);
    case Dtype::f16:
      return convert<std::uint16_t>(data, count, values, from_half);
    case Dtype::bf16:
      return convert<std::uint16_t>(data, count, values, from_bfloat);
    case Dtype::f8_e4m3:
      return convert<std::uint8_t>(data, count, values, from_e4m3);
    case Dtype::f8_e5m2:
      return convert<std::uint8_t>(data, count, values, from_e5m2);
    case Dtype::i64:
      return convert<std::int64_t>(data, count, values);
    case Dtype::i32:
      return convert<std::int32_t>(data, count, values);
    case Dtype::i16:
      return convert<std::int16_t>(data, count, values);
    case Dtype::i8:
      return convert<std::int8_t>(data, count, values);
    case Dtype::u64:
      return convert<std::uint64_t>(data, count, values);
    case Dtype::u32:
      return convert<std::uint32_t>(data, count, values);
    case Dtype::u16:
      return convert<std::uint16_t>(data, count, values);
    case Dtype::u8:
    case Dtype::boolean:
      return convert<std::uint8_t>(data, count, values);
  }
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  MappedFile mapped = MappedFile::open(path);
  SafetensorsFile file = parse(path.string(), mapped.bytes());
  file.file_ = std::move(mapped);
  return file;
}

SafetensorsFile SafetensorsFile::parse(std::string name, std::span<const std::byte> bytes) {
  SafetensorsFile file;
  file.name_ = std::move(name);
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorKind::input, fmt::format("{}: {}", file.name_, problem),
                "Is it a whole safetensors file? Copy or fetch it again.");
  };
  std::uint64_t header_bytes = 0;
  if (bytes.size() < kLengthBytes) fail(fmt::format("{} bytes are no safetensors file", bytes.size()));
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  if (header_bytes > bytes.size() - kLengthBytes || header_bytes > kMaxHeaderBytes) {
    fail(fmt::format("a header of {} bytes, in a file of {}", header_bytes, bytes.size()));
  }
  const auto* header = reinterpret_cast<const char*>(bytes.data() + kLengthBytes);
  if (header_bytes == 0 || header[0] != '{') fail("the header does not begin with '{' at byte offset 8");
  HeaderReader reader(file.name_);
  nlohmann::json::sax_parse(header, header + header_bytes, &reader);

  const auto data = bytes.subspan(kLengthBytes + static_cast<std::size_t>(header_bytes));
  for (Entry& entry : reader.entries) file.tensors_.push_back(checked(file.name_, std::move(entry), data));
  std::sort(file.tensors_.begin(), file.tensors_.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return std::pair(a.data.data(), a.data.size()) < std::pair(b.data.data(), b.data.size());
  });
  const std::byte* covered = data.data();
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) {
    const SafeTensor& tensor = file.tensors_[i];
    if (tensor.data.data() != covered) {
      fail(fmt::format("tensor '{}': its data begins at byte {} of the data, where {} is the end of the one before",
                       printable(tensor.name), tensor.data.data() - data.data(), covered - data.data()));
    }
    covered += tensor.data.size();
    if (!file.by_name_.emplace(tensor.name, i).second) fail(fmt::format("tensor '{}' twice", printable(tensor.name)));
  }
  if (covered != data.data() + data.size()) {
    fail(fmt::format("{} bytes behind the last tensor", data.data() + data.size() - covered));
  }
  file.metadata_ = std::move(reader.metadata);
  return file;
}

const SafeTensor* SafetensorsFile::find(std::string_view tensor_name) const {
  const auto found = by_name_.find(tensor_name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace assay::gguf

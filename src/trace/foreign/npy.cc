#include "trace/foreign/npy.h"

#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::trace {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeaderBytes = 1 << 20;
constexpr std::size_t kMaxDimensions = 16;

[[noreturn]] void fail(const std::string& where, const std::string& problem, ErrorKind kind = ErrorKind::input,
                       std::string hint = {}) {
  throw Error(kind, fmt::format("{}: {}", where, problem), std::move(hint));
}

/// numpy has no bfloat16: its extension packages store one as two bytes without a meaning.
constexpr std::pair<std::string_view, gguf::Dtype> kDescriptions[] = {
    {"f8", gguf::Dtype::f64},    {"f4", gguf::Dtype::f32}, {"f2", gguf::Dtype::f16}, {"V2", gguf::Dtype::bf16},
    {"i8", gguf::Dtype::i64},    {"i4", gguf::Dtype::i32}, {"i2", gguf::Dtype::i16}, {"i1", gguf::Dtype::i8},
    {"u8", gguf::Dtype::u64},    {"u4", gguf::Dtype::u32}, {"u2", gguf::Dtype::u16}, {"u1", gguf::Dtype::u8},
    {"b1", gguf::Dtype::boolean}};

gguf::Dtype dtype_of(const std::string& where, std::string_view description) {
  const std::string shown = printable(description, 40);
  const char order = description.empty() ? '\0' : description.front();
  if (order != '<' && order != '>' && order != '|' && order != '=') {
    fail(where, fmt::format("dtype '{}' is not one that numpy writes", shown));
  }
  const std::string_view kind = description.substr(1);
  if (order == '>' && !kind.ends_with('1')) {
    fail(where, fmt::format("dtype '{}' is big-endian, which is not read", shown), ErrorKind::unsupported,
         fmt::format("Save x.astype('<{}').", printable(kind, 20)));
  }
  for (const auto& [name, dtype] : kDescriptions) {
    if (name == kind) return dtype;
  }
  const bool is_object = kind.starts_with('O');
  fail(where, fmt::format("dtype '{}' {}", shown, is_object ? "is pickled Python objects" : "holds no real numbers"),
       ErrorKind::unsupported, "Save plain arrays of float32, float16, float64 or integers.");
}

/// Reads the dict, which is as numpy writes it, but for spaces.
class DictReader {
 public:
  DictReader(const std::string& where, std::string_view text, std::size_t offset)
      : where_(where), text_(text), offset_(offset) {}

  void read(NpyHeader& header) {
    bool has_description = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(has_description, true)) {
        if (peek() == '[') refuse_structured();
        header.dtype = dtype_of(where_, quoted());
      } else if (key == "fortran_order" && !std::exchange(has_order, true)) {
        header.fortran_order = word();
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        header.shape = shape();
      } else {
        wrong(fmt::format("key '{}'", printable(key, 40)));
      }
      if (!accept(',') && peek() != '}') wrong("what follows a value");
    }
    if (peek() != '\0') wrong("text behind the dict");
    if (!has_description || !has_order || !has_shape) fail(where_, "the header lacks descr, fortran_order or shape");
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const {
    fail(where_, fmt::format("the header is not as numpy writes it: {}, near byte offset {}", what, offset_ + at_));
  }
  [[noreturn]] void refuse_structured() const {
    fail(where_, "a structured dtype, which has no place here", ErrorKind::unsupported, "Save each field as an array.");
  }
  /// The next character that is no space; '\0' at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) wrong(fmt::format("no '{}'", wanted));
  }
  std::string_view quoted() {
    const char quote = peek();
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) wrong("no text in quotes");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }
  bool word() {
    peek();
    const std::string_view rest = text_.substr(at_);
    for (const std::string_view spelled : {"True", "False"}) {
      if (!rest.starts_with(spelled)) continue;
      at_ += spelled.size();
      return spelled == "True";
    }
    wrong("neither True nor False");
  }
  std::vector<std::uint64_t> shape() {
    std::vector<std::uint64_t> lengths;
    expect('(');
    while (!accept(')')) {
      peek();
      std::uint64_t length = 0;
      const char* begin = text_.data() + at_;
      const auto parsed = std::from_chars(begin, text_.data() + text_.size(), length);
      if (parsed.ec != std::errc{}) wrong("a length that is no number");
      if (lengths.size() == kMaxDimensions) wrong(fmt::format("more than {} dimensions", kMaxDimensions));
      lengths.push_back(length);
      at_ += static_cast<std::size_t>(parsed.ptr - begin);
      accept('L');  // Python 2
      if (!accept(',') && peek() != ')') wrong("what follows a length");
    }
    return lengths;
  }

  const std::string& where_;
  std::string_view text_;
  std::size_t offset_;  // of the text in the file
  std::size_t at_ = 0;
};

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with(kMagic);
}

std::optional<NpyHeader> parse_npy_header(const std::string& where, std::span<const std::byte> bytes) {
  constexpr std::size_t kVersionAt = kMagic.size();
  constexpr std::size_t kLengthAt = kVersionAt + 2;
  const auto byte = [&](std::size_t at) { return std::to_integer<std::size_t>(bytes[at]); };
  if (bytes.size() < kLengthAt) return std::nullopt;
  if (!is_npy(bytes)) fail(where, "no array of numpy: it does not begin with \\x93NUMPY");
  const std::size_t version = byte(kVersionAt);
  if (version < 1 || version > 3) {
    fail(where, fmt::format("version {}.{} of the format; known: 1 to 3", version, byte(kVersionAt + 1)),
         ErrorKind::unsupported);
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t text_at = kLengthAt + length_bytes;
  if (bytes.size() < text_at) return std::nullopt;
  std::size_t header_bytes = 0;
  for (std::size_t i = length_bytes; i-- > 0;) header_bytes = header_bytes << 8U | byte(kLengthAt + i);
  if (header_bytes > kMaxHeaderBytes) fail(where, fmt::format("a header of {} bytes", header_bytes));
  if (bytes.size() < text_at + header_bytes) return std::nullopt;

  NpyHeader header;
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  DictReader(where, {text + text_at, header_bytes}, text_at).read(header);
  header.data_offset = text_at + header_bytes;
  header.data_bytes = gguf::size_bytes(header.dtype);
  for (const std::uint64_t length : header.shape) {
    if (__builtin_mul_overflow(header.data_bytes, length, &header.data_bytes)) {
      fail(where, "a shape whose product overflows");
    }
  }
  return header;
}

Array parse_npy(const std::string& where, std::string name, std::span<const std::byte> bytes,
                std::shared_ptr<const void> owner) {
  auto header = parse_npy_header(where, bytes);
  if (!header) fail(where, fmt::format("it ends inside its header, after {} bytes", bytes.size()));
  const auto data = bytes.subspan(header->data_offset);
  if (data.size() != header->data_bytes) {
    fail(where, fmt::format("{} bytes from byte offset {} on, where shape and dtype need {}", data.size(),
                            header->data_offset, header->data_bytes));
  }
  return {std::move(name), header->dtype, std::move(header->shape), header->fortran_order, data, std::move(owner)};
}

}  // namespace assay::trace

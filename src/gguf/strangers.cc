#include "gguf/strangers.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace assay::gguf {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kConvertHint =
    "Assay reads GGUF: convert the model with llama.cpp's convert_hf_to_gguf.py, or fetch a GGUF of it.";
constexpr std::string_view kLegacyHint =
    "llama.cpp dropped this format in 2023: convert the original model again, or fetch a GGUF of it.";
constexpr std::string_view kUnpackHint = "Unpack it first.";
constexpr std::string_view kDownloadHint =
    "The download went wrong: fetch the file itself, not the page that shows it.";
constexpr std::string_view kBigEndianHint =
    "Convert it for little-endian machines, for example with gguf-convert-endian of the Python package gguf.";

struct Stranger {
  std::string_view begins_with;
  std::string_view is;
  std::string_view hint;
};

/// The old magics are stored as little-endian u32, so their letters come backwards.
constexpr Stranger kStrangers[] = {
    {"version https://git-lfs"sv, "a Git LFS pointer, not the file it stands for",
     "Fetch the real file with `git lfs pull`, or download it through the site's resolve or media address."},
    {"FUGG"sv, "a GGUF file with swapped bytes (big-endian)", kBigEndianHint},
    {"lmgg"sv, "a GGML file, the format before GGUF", kLegacyHint},
    {"fmgg"sv, "a GGMF file, a format before GGUF", kLegacyHint},
    {"tjgg"sv, "a GGJT file, the format before GGUF", kLegacyHint},
    {"algg"sv, "a GGLA file, an adapter (LoRA) from before GGUF", kLegacyHint},
    {"nsgg"sv, "a llama.cpp session file", "Give the model's GGUF file instead."},
    {"PK\x03\x04"sv, "a ZIP archive, most likely a PyTorch checkpoint", kConvertHint},
    {"\x80\x02"sv, "a Python pickle, most likely an old PyTorch checkpoint", kConvertHint},
    {"\x93NUMPY"sv, "a NumPy array", kConvertHint},
    {"\x89HDF\r\n\x1A\n"sv, "an HDF5 file, most likely of Keras", kConvertHint},
    {"\x1F\x8B"sv, "compressed with gzip", kUnpackHint},
    {"\x28\xB5\x2F\xFD"sv, "compressed with zstd", kUnpackHint},
    {"\xFD"
     "7zXZ\0"sv,
     "compressed with xz", kUnpackHint},
    {"BZh"sv, "compressed with bzip2", kUnpackHint},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7z archive", kUnpackHint},
};

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

/// safetensors: u64 length of a JSON header, then the header.
bool is_safetensors(std::string_view text) {
  std::uint64_t header_bytes = 0;
  if (text.size() < sizeof header_bytes + 2 || text[8] != '{') return false;
  std::memcpy(&header_bytes, text.data(), sizeof header_bytes);
  return header_bytes >= 2 && header_bytes <= text.size() - sizeof header_bytes;
}

std::optional<Stranger> recognise(std::string_view text) {
  for (const Stranger& stranger : kStrangers) {
    if (text.substr(0, stranger.begins_with.size()) == stranger.begins_with) return stranger;
  }
  if (is_safetensors(text)) return Stranger{{}, "a safetensors file", kConvertHint};
  std::string_view head = text.substr(0, 64);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  const std::string lower = lower_ascii(head);
  for (const std::string_view tag : {"<!doctype", "<html", "<?xml", "<head"}) {
    if (lower.rfind(tag, 0) == 0) return Stranger{{}, "a web page (HTML or XML)", kDownloadHint};
  }
  const std::size_t first_key = head.find_first_not_of(" \t\r\n", 1);
  if (lower.rfind('{', 0) == 0 && first_key != head.npos && head[first_key] == '"') {
    return Stranger{{}, "JSON text", "A model's configuration or a server's answer: give the path of a .gguf file."};
  }
  return std::nullopt;
}

}  // namespace

void refuse_strangers(std::string_view file, std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: magic (byte 0): the file is empty", file),
                "Fetch or convert it again.");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.substr(0, 4) != "GGUF") {
    const auto stranger = recognise(text);
    throw Error(ErrorKind::input,
                stranger ? fmt::format("{}: magic (byte 0): not a GGUF file but {}", file, stranger->is)
                         : fmt::format("{}: magic (byte 0): not a GGUF file: begins with '{}' instead of 'GGUF'", file,
                                       printable(text.substr(0, 4))),
                std::string(stranger ? stranger->hint : "Give the path of a .gguf file."));
  }
  // A version has few bits: those of a big-endian file stand in the last bytes.
  std::uint32_t version = 0;
  if (text.size() >= 8) std::memcpy(&version, text.data() + 4, sizeof version);
  if (version != 0 && (version & 0xFFFF) == 0) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: version (byte 4): a big-endian GGUF file", file),
                std::string(kBigEndianHint));
  }
}

}  // namespace assay::gguf

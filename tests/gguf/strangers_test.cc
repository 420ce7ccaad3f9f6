// Files that are no GGUF, and files cut short.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "gguf/file.h"
#include "tests/gguf/allocations.h"
#include "tests/support/gguf_bytes.h"

namespace assay::test {
namespace {

using namespace std::string_view_literals;

/// "" when the file was read.
std::string message_for(std::string_view text) {
  try {
    gguf::File::parse("x.gguf", std::as_bytes(std::span(text)));
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty()) << error.what();
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "";
}

TEST(Strangers, AreNamed) {
  const struct {
    std::string_view begins_with;
    std::string_view named;
  } kCases[] = {
      {"", "the file is empty"},
      {"G", "begins with 'G'"},
      {"GGU", "begins with 'GGU'"},
      {"\0\0\0\0\0\0\0\0"sv, "begins with '\\x00\\x00\\x00\\x00'"},
      {"FUGG\0\0\0\3"sv, "big-endian"},
      {"lmgg\1\0\0\0"sv, "GGML"},
      {"fmgg\1\0\0\0"sv, "GGMF"},
      {"tjgg\3\0\0\0"sv, "GGJT"},
      {"algg\1\0\0\0"sv, "GGLA"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"},
      {"\x02\0\0\0\0\0\0\0{}"sv, "safetensors"},
      {"\x05\0\0\0\0\0\0\0{\"a\":"sv, "safetensors"},
      {"PK\x03\x04\x14\0"sv, "ZIP"},
      {"\x80\x02}q\x01."sv, "pickle"},
      {"\x1F\x8B\x08\0"sv, "gzip"},
      {"\x28\xB5\x2F\xFD\0"sv, "zstd"},
      {"<!DOCTYPE html><html>", "web page"},
      {"\r\n  <HTML lang=\"en\">", "web page"},
      {"{\"error\": \"Invalid username or password.\"}", "JSON"},
      {"Entry not found", "begins with 'Entr'"},
  };
  for (const auto& stranger : kCases) {
    const std::string message = message_for(stranger.begins_with);
    EXPECT_EQ(message.find("x.gguf: magic (byte 0): "), 0U) << message;
    EXPECT_NE(message.find(stranger.named), std::string::npos) << stranger.named << ": " << message;
  }
}

// Eight bytes that happen to end in a brace, with a header longer than the file.
TEST(Strangers, AreNotTakenForSafetensorsLightly) {
  EXPECT_EQ(message_for("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}"sv).find("safetensors"), std::string::npos);
}

GgufBytes small_file(std::uint32_t version) {
  using B = GgufBytes;
  B file(2, 4, version);
  file.key("general.architecture", B::kString).string("llama");
  file.key("some.number", B::kFloat32).number(1.5F);
  file.key("some.words", B::kArray).array(B::kString, 2).string("one").string("");
  file.key("some.nest", B::kArray).array(B::kArray, 1).array(B::kUint16, 2).number<std::uint32_t>(0);
  file.tensor("a", {32, 2}, B::kQ8_0, 0).tensor("b", {8}, B::kF32, 96);
  return file.pad().zeros(96 + 32);
}

TEST(Truncation, AtEveryByteIsRefused) {
  for (const std::uint32_t version : {1U, 2U, 3U}) {
    const GgufBytes file = small_file(version);
    ASSERT_EQ(message_for(file.text()), "");
    for (std::size_t size = 0; size < file.text().size(); ++size) {
      // A copy of just that size, so that a sanitizer sees a read past the end.
      const std::vector<char> cut(file.text().begin(), file.text().begin() + static_cast<std::ptrdiff_t>(size));
      const std::string message = message_for({cut.data(), cut.size()});
      EXPECT_EQ(message.find("x.gguf: "), 0U) << "version " << version << " cut to " << size << " bytes";
      EXPECT_NE(message.find("(byte "), std::string::npos) << message;
    }
  }
}

TEST(Truncation, OfARealModelAtEveryPageIsRefused) {
  const MappedFile model = MappedFile::open(ASSAY_MODELS "/kingjames-7m.f16.gguf");
  const auto bytes = model.bytes();
  const AllocationPeak peak;
  for (std::size_t size = 0; size < bytes.size(); size += 4096) {
    EXPECT_THROW(gguf::File::parse("cut.gguf", bytes.first(size)), Error) << size;
  }
  EXPECT_THROW(gguf::File::parse("cut.gguf", bytes.first(bytes.size() - 32)), Error);
  EXPECT_LT(peak.bytes(), std::size_t{8} << 20);
}

TEST(Truncation, OfARealFileOnDiskIsRefused) {
  const auto path = std::filesystem::path(testing::TempDir()) / "cut-on-disk.gguf";
  std::filesystem::copy_file(ASSAY_MODELS "/kingjames-7m.f16.gguf", path,
                             std::filesystem::copy_options::overwrite_existing);
  for (const std::size_t size : {13'700'000, 4096, 23, 8, 4, 3, 0}) {
    std::filesystem::resize_file(path, size);
    try {
      gguf::File::open(path);
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find(path.string() + ": "), 0U) << error.what();
    }
  }
  std::filesystem::remove(path);
}

TEST(NegativeFiles, OldVersionsLoadAndPointersAreNamed) {
  const std::filesystem::path folder = ASSAY_DATA "/vocab/negative";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no data in " << folder;
  const gguf::File version_1 = gguf::File::open(folder / "ggml-vocab-llama-63bfaf67.gguf");
  EXPECT_EQ(version_1.version(), 1U);
  EXPECT_EQ(version_1.get_strings("tokenizer.ggml.tokens")->size(), 32000U);
  const gguf::File version_2 = gguf::File::open(folder / "ggml-vocab-falcon-d4ea2e82.gguf");
  EXPECT_EQ(version_2.version(), 2U);
  EXPECT_EQ(version_2.get_string("general.architecture"), "falcon");
  try {
    gguf::File::open(folder / "aquila.lfs-pointer.txt");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("Git LFS pointer"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace assay::test

// Writer -> reader gives back what went in.
#include "gguf/writer.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "gguf/file.h"
#include "quant/type.h"
#include "tests/support/gguf_bytes.h"

namespace assay::test {
namespace {

using B = GgufBytes;
using gguf::File;
using gguf::Writer;

std::vector<std::byte> counting_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7);
  return bytes;
}

/// All of a file through the writer.
std::vector<std::byte> rewritten(const File& file) {
  Writer writer;
  for (const auto& [key, value] : file.metadata()) writer.add(key, value);
  for (const gguf::Tensor& tensor : file.tensors())
    writer.add_tensor(tensor.name, *tensor.type, tensor.ne, tensor.data);
  return writer.bytes();
}

TEST(Writer, WritesTheFormat) {
  const quant::Type& f32 = *quant::find_type("F32");
  const auto data = counting_bytes(24);
  Writer writer;
  writer.add_string("general.architecture", "llama");
  writer.add_uint("n", 7);
  writer.add_tensor("a", f32, {3, 2}, data);
  writer.add_tensor("b", f32, {1}, std::span(data).first(4));

  B expected(2, 2);
  expected.key("general.architecture", B::kString).string("llama").key("n", B::kUint32).u32(7);
  expected.tensor("a", {3, 2}, B::kF32, 0).tensor("b", {1}, B::kF32, 32).pad();
  for (const std::byte byte : data) expected.number(byte);
  expected.pad();
  for (std::size_t i = 0; i < 4; ++i) expected.number(data[i]);
  expected.pad();
  const auto bytes = writer.bytes();
  ASSERT_EQ(bytes.size(), expected.bytes().size());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.bytes().begin()));
}

TEST(Writer, TheReaderGivesBackEveryKindOfValue) {
  const std::vector<std::string> words = {"one", "", "drei \xE2\x82\xAC"};
  const std::array<std::int32_t, 3> ints = {-1, 0, 2147483647};
  const std::array<float, 2> floats = {0.1F, -1e30F};
  Writer writer;
  writer.add_uint("uint", 4294967295U);
  writer.add_float("float", 0.1F);
  writer.add_bool("bool", true);
  writer.add_string("string", words[2]);
  writer.add_strings("strings", words);
  writer.add_ints("ints", ints);
  writer.add_floats("floats", floats);
  writer.add("i8", {gguf::ValueType::int8, std::int64_t{-3}});
  writer.add("u64", {gguf::ValueType::uint64, UINT64_MAX});
  writer.add("f64", {gguf::ValueType::float64, 0.1});
  const auto bytes = writer.bytes();
  const File file = File::parse("x.gguf", bytes);
  EXPECT_EQ(file.get_uint("uint"), 4294967295U);
  EXPECT_EQ(file.get_float("float"), double{0.1F});
  EXPECT_EQ(file.get_bool("bool"), true);
  EXPECT_EQ(file.get_string("string"), words[2]);
  EXPECT_EQ(std::vector<std::string>(file.get_strings("strings")->begin(), file.get_strings("strings")->end()), words);
  EXPECT_EQ(file.get_ints("ints"), (std::vector<std::int64_t>{-1, 0, 2147483647}));
  EXPECT_EQ(file.get_floats("floats"), (std::vector<float>{0.1F, -1e30F}));
  EXPECT_EQ(std::get<std::int64_t>(file.find("i8")->data), -3);
  EXPECT_EQ(file.find("i8")->type, gguf::ValueType::int8);
  EXPECT_EQ(file.get_uint("u64"), UINT64_MAX);
  EXPECT_EQ(file.get_float("f64"), 0.1);
}

TEST(Writer, RewritesARealModelByteForByte) {
  const MappedFile model = MappedFile::open(ASSAY_MODELS "/kingjames-7m.f16.gguf");
  const auto bytes = rewritten(File::parse("model.gguf", model.bytes()));
  ASSERT_EQ(bytes.size(), model.bytes().size());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), model.bytes().begin()));
}

TEST(Writer, KeepsAlignmentAndNestedArrays) {
  B b(2, 2);
  b.key("general.alignment", B::kUint32).u32(128);
  b.key("nest", B::kArray).array(B::kArray, 2).array(B::kBool, 1).raw("\x01").array(B::kString, 1).string("s");
  b.tensor("a", {2}, B::kF32, 0).tensor("b", {32}, B::kQ4_0, 128).pad(128).zeros(128 + 18).pad(128);
  const auto bytes = rewritten(File::parse("x.gguf", b.bytes()));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), b.text());
}

TEST(Writer, WritesTheSameToAFile) {
  Writer writer;
  const auto data = counting_bytes(34);
  writer.add_tensor("t", *quant::find_type("Q8_0"), {32}, data);
  const auto path = std::filesystem::path(testing::TempDir()) / "written.gguf";
  writer.write(path);
  const auto bytes = writer.bytes();
  EXPECT_EQ(read_file(path, 1 << 20), std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  EXPECT_THROW(writer.write(path.parent_path() / "no-such-folder" / "x.gguf"), Error);
  std::filesystem::remove(path);
}

TEST(Writer, RefusesWhatTheReaderWouldRefuse) {
  const quant::Type& f32 = *quant::find_type("F32");
  const quant::Type& q8_0 = *quant::find_type("Q8_0");
  const auto data = counting_bytes(64);
  const std::span<const std::byte> all(data);
  Writer writer;
  writer.add_uint("key", 1);
  writer.add_tensor("t", f32, {4}, all.first(16));
  gguf::Value nested{gguf::ValueType::array, gguf::Array{gguf::ValueType::uint8, 0, {}, {}, {}}};
  for (int i = 0; i < 4; ++i) {
    nested = {gguf::ValueType::array, gguf::Array{gguf::ValueType::array, 1, {}, {}, {nested}}};
  }
  const std::function<void()> mistakes[] = {
      [&] { writer.add_uint("key", 1); },
      [&] { writer.add_uint("", 1); },
      [&] { writer.add_uint(std::string(65536, 'k'), 1); },
      [&] { writer.add_uint("general.alignment", 48); },
      [&] { writer.add_uint("general.alignment", 0); },
      [&] { writer.add_string("general.alignment", "32"); },
      [&] { writer.add("nested", nested); },
      [&] { writer.add_tensor("t", f32, {4}, all.first(16)); },
      [&] { writer.add_tensor("", f32, {4}, all.first(16)); },
      [&] { writer.add_tensor(std::string(65, 't'), f32, {4}, all.first(16)); },
      [&] { writer.add_tensor("u", f32, {}, all.first(4)); },
      [&] {
        writer.add_tensor("u", f32, {1, 1, 1, 1, 1}, all.first(4));
      },
      [&] { writer.add_tensor("u", f32, {0}, {}); },
      [&] { writer.add_tensor("u", f32, {4}, all.first(15)); },
      [&] {
        writer.add_tensor("u", f32, {UINT64_C(1) << 62, 16}, {});
      },
      [&] { writer.add_tensor("u", q8_0, {33}, all.first(34)); },
  };
  for (const auto& mistake : mistakes) {
    try {
      mistake();
      ADD_FAILURE() << "mistake " << &mistake - mistakes << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage) << error.what();
    }
  }
  // A refused call leaves no trace.
  const auto bytes = writer.bytes();
  const File file = File::parse("x.gguf", bytes);
  EXPECT_EQ(file.metadata().size(), 1U);
  EXPECT_EQ(file.tensors().size(), 1U);
}

}  // namespace
}  // namespace assay::test

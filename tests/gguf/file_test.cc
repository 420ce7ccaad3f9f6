// What the reader makes of well-formed files.
#include "gguf/file.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/gguf_bytes.h"

namespace assay::test {
namespace {

using B = GgufBytes;
using gguf::Array;
using gguf::File;
using gguf::ValueType;

File parse(const GgufBytes& file) { return File::parse("x.gguf", file.bytes()); }

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty()) << error.what();
    return error.what();
  }
  return "";
}

TEST(File, AnEmptyHeaderIsAContainer) {
  for (const std::uint32_t version : {1U, 2U, 3U}) {
    const B bytes(0, 0, version);
    const File file = parse(bytes);
    EXPECT_EQ(file.version(), version);
    EXPECT_EQ(file.alignment(), 32U);
    EXPECT_EQ(file.size_bytes(), version == 1 ? 16U : 24U);
    EXPECT_TRUE(file.metadata().empty());
    EXPECT_TRUE(file.tensors().empty());
    EXPECT_EQ(file.find("any"), nullptr);
    EXPECT_EQ(file.find_tensor("any"), nullptr);
  }
}

B every_type(std::uint32_t version) {
  B b(0, 13, version);
  b.key("u8", B::kUint8).number<std::uint8_t>(255);
  b.key("i8", B::kInt8).number<std::int8_t>(-128);
  b.key("u16", B::kUint16).number<std::uint16_t>(65535);
  b.key("i16", B::kInt16).number<std::int16_t>(-32768);
  b.key("u32", B::kUint32).number<std::uint32_t>(4294967295U);
  b.key("i32", B::kInt32).number<std::int32_t>(INT32_MIN);
  b.key("f32", B::kFloat32).number(0.1F);
  b.key("yes", B::kBool).number<std::uint8_t>(1);
  b.key("text", B::kString).string(std::string_view("a\0b", 3));
  b.key("list", B::kArray)
      .array(B::kInt16, 3)
      .number<std::int16_t>(-1)
      .number<std::int16_t>(2)
      .number<std::int16_t>(-3);
  b.key("u64", B::kUint64).number<std::uint64_t>(UINT64_MAX);
  b.key("i64", B::kInt64).number<std::int64_t>(INT64_MIN);
  b.key("f64", B::kFloat64).number(1e300);
  return b;
}

TEST(File, ReadsEveryTypeInEveryVersion) {
  for (const std::uint32_t version : {1U, 2U, 3U}) {
    const B bytes = every_type(version);
    const File file = parse(bytes);
    ASSERT_EQ(file.metadata().size(), 13U);
    EXPECT_EQ(file.metadata()[0].first, "u8");
    EXPECT_EQ(file.metadata()[12].first, "f64");
    EXPECT_EQ(std::get<std::uint64_t>(file.find("u8")->data), 255U);
    EXPECT_EQ(std::get<std::int64_t>(file.find("i8")->data), -128);
    EXPECT_EQ(file.get_uint("u16"), 65535U);
    EXPECT_EQ(std::get<std::int64_t>(file.find("i16")->data), -32768);
    EXPECT_EQ(file.get_uint("u32"), 4294967295U);
    EXPECT_EQ(file.get_float("i32"), double{INT32_MIN});
    EXPECT_EQ(file.get_float("f32"), double{0.1F});
    EXPECT_EQ(file.get_bool("yes"), true);
    EXPECT_EQ(file.get_string("text"), std::string_view("a\0b", 3));
    EXPECT_EQ(file.get_ints("list"), (std::vector<std::int64_t>{-1, 2, -3}));
    EXPECT_EQ(file.get_floats("list"), (std::vector<float>{-1, 2, -3}));
    EXPECT_EQ(file.get_uint("u64"), UINT64_MAX);
    EXPECT_EQ(std::get<std::int64_t>(file.find("i64")->data), INT64_MIN);
    EXPECT_EQ(file.get_float("f64"), 1e300);
  }
}

TEST(File, ReadsNestedArrays) {
  B b(0, 1);
  b.key("nest", B::kArray).array(B::kArray, 2);
  b.array(B::kString, 2).string("x").string("");
  b.array(B::kArray, 1).array(B::kUint8, 3).raw("abc");
  const File file = parse(b);
  const auto& outer = std::get<Array>(file.find("nest")->data);
  ASSERT_EQ(outer.arrays.size(), 2U);
  const auto& words = std::get<Array>(outer.arrays[0].data);
  EXPECT_EQ(words.strings, (std::vector<std::string_view>{"x", ""}));
  EXPECT_EQ(std::get<std::string_view>(element(words, 0).data), "x");
  const auto& inner = std::get<Array>(std::get<Array>(outer.arrays[1].data).arrays[0].data);
  ASSERT_EQ(inner.count, 3U);
  EXPECT_EQ(std::get<std::uint64_t>(element(inner, 2).data), std::uint64_t{'c'});
}

TEST(File, TypedAccessNamesWhatIsWrong) {
  B b(0, 6);
  b.key("word", B::kString).string("five");
  b.key("negative", B::kInt32).number<std::int32_t>(-5);
  b.key("half", B::kFloat32).number(0.5F);
  b.key("numbers", B::kArray).array(B::kInt32, 1).number<std::int32_t>(1);
  b.key("large", B::kArray).array(B::kUint64, 1).u64(UINT64_MAX);
  b.key("flags", B::kArray).array(B::kBool, 2).number<std::uint8_t>(1).number<std::uint8_t>(0);
  const File file = parse(b);
  EXPECT_EQ(file.get_ints("flags"), (std::vector<std::int64_t>{1, 0}));
  const std::size_t word_at = 24 + 8;
  EXPECT_EQ(message_of([&] { file.get_uint("word"); }),
            "x.gguf: key 'word' (byte " + std::to_string(word_at) + "): of type string, must be an unsigned integer");
  EXPECT_NE(message_of([&] { file.get_uint("negative"); }).find("-5 of type int32, must be an unsigned"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.get_uint("half"); }).find("of type float32"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_float("word"); }).find("must be a number"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_bool("negative"); }).find("must be a boolean"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_string("numbers"); }).find("of type array of int32, must be a string"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.get_strings("numbers"); }).find("must be an array of strings"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_strings("word"); }).find("must be an array of strings"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_floats("word"); }).find("must be an array of numbers"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_ints("half"); }).find("must be an array of integers"), std::string::npos);
  EXPECT_NE(message_of([&] { file.get_ints("large"); }).find("element 0 is 18446744073709551615"), std::string::npos);

  EXPECT_EQ(file.get_uint("absent"), std::nullopt);
  EXPECT_EQ(file.get_float("absent"), std::nullopt);
  EXPECT_EQ(file.get_bool("absent"), std::nullopt);
  EXPECT_EQ(file.get_string("absent"), std::nullopt);
  EXPECT_EQ(file.get_strings("absent"), nullptr);
  EXPECT_TRUE(file.get_floats("absent").empty());
  EXPECT_TRUE(file.get_ints("absent").empty());
}

TEST(File, TensorsAreViewsOfTheBytes) {
  B b(3, 1);
  b.key("general.alignment", B::kUint32).u32(64);
  b.tensor(std::string(64, 'n'), {32, 2, 3}, B::kQ8_0, 0);  // 6 rows of 34 bytes, padded to 256
  b.tensor("middle", {3}, B::kF32, 256);
  // A type that nothing decodes is a container of bytes all the same: Q1_0 has blocks of 18 bytes.
  b.tensor("last", {128, 1, 1, 1}, 41, 320);
  b.pad(64);
  const std::size_t begin = b.text().size();
  for (int i = 0; i < 320 + 18; ++i) b.number(static_cast<std::uint8_t>(i));
  const File file = parse(b);
  EXPECT_EQ(file.alignment(), 64U);
  ASSERT_EQ(file.tensors().size(), 3U);
  const gguf::Tensor& first = file.tensors()[0];
  EXPECT_EQ(first.type->name, "Q8_0");
  EXPECT_EQ(first.rows(), 6U);
  EXPECT_EQ(first.values(), 192U);
  EXPECT_EQ(first.row_bytes(), 34U);
  EXPECT_EQ(first.data.data(), b.bytes().data() + begin);
  EXPECT_EQ(first.row(5).data(), first.data.data() + 170);
  EXPECT_EQ(first.row(5).size(), 34U);
  EXPECT_EQ(file.find_tensor("middle")->data.data(), b.bytes().data() + begin + 256);
  EXPECT_EQ(file.find_tensor("middle")->data.size(), 12U);
  EXPECT_EQ(file.find_tensor("last"), &file.tensors()[2]);
  EXPECT_EQ(file.find_tensor("last")->data.size(), 18U);
}

// The last tensor's padding may be missing, and more may follow.
TEST(File, DoesNotInsistOnWhatFollowsTheLastTensor) {
  for (const std::size_t after : {0U, 4U, 28U, 1000U}) {
    const B b = B(1, 0).tensor("t", {1}, B::kF32, 0).pad().zeros(4 + after);
    EXPECT_EQ(parse(b).tensors().size(), 1U);
  }
}

}  // namespace
}  // namespace assay::test

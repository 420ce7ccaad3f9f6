// Models in several files.
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/writer.h"
#include "quant/type.h"

namespace assay::test {
namespace {

using gguf::File;
using gguf::Writer;

/// A part of a split model, before mistakes are made in it.
struct Part {
  std::optional<std::uint32_t> number, count;
  std::optional<std::uint32_t> tensor_count;
  std::vector<std::string> tensors;
};

class Split : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("split-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const Part& part) {
    Writer writer;
    if (part.number == 0U) writer.add_string("general.architecture", "llama");
    if (part.number) writer.add_uint("split.no", *part.number);
    if (part.count) writer.add_uint("split.count", *part.count);
    if (part.tensor_count) writer.add_uint("split.tensors.count", *part.tensor_count);
    for (const std::string& tensor : part.tensors) {
      writer.add_tensor(tensor, *quant::find_type("F32"), {2}, std::as_bytes(std::span(values_)));
    }
    writer.write(folder_ / name);
    return folder_ / name;
  }

  /// Three good parts; the path of the first.
  std::filesystem::path write_three() {
    write("m-00002-of-00003.gguf", {1, 3, 4, {"c"}});
    write("m-00003-of-00003.gguf", {2, 3, 4, {"d"}});
    return write("m-00001-of-00003.gguf", {0, 3, 4, {"a", "b"}});
  }

  static void expect_error(const std::filesystem::path& path, const std::string& message, const std::string& hint) {
    try {
      File::open(path);
      ADD_FAILURE() << path << " was opened";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
      EXPECT_NE(error.hint().find(hint), std::string::npos) << error.hint();
    }
  }

  std::filesystem::path folder_;
  std::array<float, 2> values_ = {1, 2};
};

TEST_F(Split, PartsOpenAsOne) {
  const auto first = write_three();
  std::uintmax_t size_bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) size_bytes += entry.file_size();
  const File file = File::open(first);
  EXPECT_EQ(file.name(), first.string());
  EXPECT_EQ(file.size_bytes(), size_bytes);
  EXPECT_EQ(file.get_string("general.architecture"), "llama");
  std::string order;
  for (const gguf::Tensor& tensor : file.tensors()) order += tensor.name;
  EXPECT_EQ(order, "abcd");
  ASSERT_NE(file.find_tensor("d"), nullptr);
  float value = 0;
  std::memcpy(&value, file.find_tensor("d")->data.data() + 4, sizeof value);
  EXPECT_EQ(value, 2);
}

TEST_F(Split, AWholeFileMayCarryACountOf0Or1) {
  EXPECT_EQ(File::open(write("merged.gguf", {0, 0, {}, {"a"}})).tensors().size(), 1U);
  EXPECT_EQ(File::open(write("one-00001-of-00001.gguf", {0, 1, 1, {"a"}})).tensors().size(), 1U);
}

TEST_F(Split, AnotherPartSaysWhichToOpen) {
  write_three();
  expect_error(folder_ / "m-00002-of-00003.gguf", "key 'split.no' (byte ", "m-00001-of-00003.gguf");
  expect_error(folder_ / "m-00002-of-00003.gguf", "this is part 2 of 3", "m-00001-of-00003.gguf");
  expect_error(write("renamed.gguf", {1, 3, {}, {"x"}}), "this is part 2 of 3", "NAME-00001-of-00003.gguf");
}

TEST_F(Split, ARenamedFirstPartSaysHowToNameIt) {
  const std::string message = "3 parts, but the name does not end in -00001-of-00003.gguf";
  expect_error(write("renamed.gguf", {0, 3, {}, {"x"}}), message, "Give the parts their names back");
  expect_error(write("-00001-of-00003.gguf", {0, 3, {}, {"x"}}), message, "Give the parts their names back");
  expect_error(write("m-00001-of-00002.gguf", {0, 3, {}, {"x"}}), message, "Give the parts their names back");
}

TEST_F(Split, AMissingPartIsNamed) {
  const auto first = write_three();
  std::filesystem::remove(folder_ / "m-00003-of-00003.gguf");
  expect_error(first, "m-00003-of-00003.gguf is missing", "Fetch all parts");
}

TEST_F(Split, MixedUpPartsAreRefused) {
  const std::string second = "m-00002-of-00003.gguf";
  const auto first = write_three();
  write(second, {2, 3, 4, {"c"}});
  expect_error(first, second + ": key 'split.no' (byte ", "mixed");
  write(second, {1, 4, 4, {"c"}});
  expect_error(first, "4, must be 3", "mixed");
  write(second, {1, {}, {}, {"c"}});
  expect_error(first, second + ": key 'split.count' is missing in part 2 of 3", "mixed");
  write(second, {{}, 3, {}, {"c"}});
  expect_error(first, second + ": key 'split.no' is missing", "mixed");
  write(second, {1, 3, 4, {"a"}});
  expect_error(first, second + ": tensor name 'a' (byte ", "mixed");
  write(second, {1, 3, 4, {"c", "more"}});
  expect_error(first, "key 'split.tensors.count' (byte ", "mixed");
  expect_error(first, "4, but the parts hold 5", "mixed");
}

TEST_F(Split, ImpossibleCountsAreRefused) {
  expect_error(write("a.gguf", {3, 3, {}, {"a"}}), "3, but the model has only 3 parts", "");
  expect_error(write("b.gguf", {0, 70000, {}, {"a"}}), "70000 parts, at most 65535", "");
}

TEST_F(Split, ADamagedPartIsNamed) {
  const auto first = write_three();
  std::filesystem::resize_file(folder_ / "m-00003-of-00003.gguf", 30);
  expect_error(first, "m-00003-of-00003.gguf: ", "");
}

TEST_F(Split, BytesInMemoryCannotBeAPart) {
  Writer writer;
  writer.add_uint("split.no", 0);
  writer.add_uint("split.count", 2);
  const auto bytes = writer.bytes();
  EXPECT_THROW(File::parse("memory", bytes), Error);
}

}  // namespace
}  // namespace assay::test

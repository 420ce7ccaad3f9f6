// Writing a model can be stopped anywhere, and leaves nothing behind then.
#include "recipe/quantize.h"

#include <filesystem>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/tiny_model.h"

namespace assay::recipe {
namespace {

class WriteQuantized : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  bool write(std::string_view mix, int threads, const std::function<bool(std::uint64_t)>& on_progress) const {
    ChoiceRules rules;
    rules.mix = &find_mix(mix);
    WriteOptions options;
    options.threads = threads;
    options.on_progress = on_progress;
    return write_quantized(file_, make_recipe(file_, rules, nullptr, false), options, folder_ / "out.gguf");
  }

  bool is_written() const { return !std::filesystem::is_empty(folder_); }

 private:
  std::vector<std::byte> bytes_ = test::TinyModel().bytes();
  gguf::File file_ = gguf::File::parse("tiny.gguf", bytes_);
  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(WriteQuantized, StopsAmongTensorsThatAreCopied) {
  for (const int calls : {0, 1, 7}) {
    int left = calls;
    EXPECT_FALSE(write("F32", 2, [&](std::uint64_t) { return left-- > 0; })) << calls;
    EXPECT_EQ(left, -1);
    EXPECT_FALSE(is_written());
  }
  EXPECT_TRUE(write("F32", 2, [](std::uint64_t) { return true; }));
  EXPECT_TRUE(is_written());
}

TEST_F(WriteQuantized, StopsWhileItEncodes) {
  for (const int threads : {1, 3}) {
    EXPECT_FALSE(write("Q8_0", threads, [](std::uint64_t done) { return done == 0; })) << threads;
    EXPECT_FALSE(is_written());
  }
}

TEST_F(WriteQuantized, WhatProgressThrowsComesThrough) {
  const std::thread::id caller = std::this_thread::get_id();
  for (const int threads : {1, 3}) {
    const auto throw_later = [&](std::uint64_t done) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      if (done > 0) throw std::runtime_error("enough");
      return true;
    };
    EXPECT_THROW(write("F16", threads, throw_later), std::runtime_error) << threads;
    EXPECT_FALSE(is_written());
  }
}

}  // namespace
}  // namespace assay::recipe

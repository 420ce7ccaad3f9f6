// Memory maps, and outputs that appear whole or not at all.
#include "base/file.h"

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace assay {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("file-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator());
  }
  void write(const std::string& name, const std::string& text) const {
    OutputFile file(folder_ / name);
    file.write(text);
    file.commit();
  }

  std::filesystem::path folder_;
};

/// No file of this process grows past `size_bytes` while it lives; writing more fails like on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size_bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(FileTest, CommitMakesTheWholeFileAppear) {
  const auto path = folder_ / "out";
  {
    OutputFile file(path);
    file.write("one ");
    file.write("two");
    EXPECT_FALSE(std::filesystem::exists(path));
    file.commit();
  }
  EXPECT_EQ(read_file(path, 100), "one two");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, WithoutCommitNothingStays) {
  write("out", "old");
  {
    OutputFile file(folder_ / "out");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder_ / "out", 100), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, WhenTheDiskIsFullNothingStays) {
  write("out", "old");
  const FileSizeLimit limit(1 << 16);
  try {
    OutputFile file(folder_ / "out");
    file.write(std::string(1 << 15, 'x'));
    file.write(std::string(1 << 17, 'x'));
    file.commit();
    ADD_FAILURE() << "more was written than fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_NE(std::string(error.what()).find((folder_ / "out").string() + ": cannot write"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(read_file(folder_ / "out", 100), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileTest, OutputsThatCannotBeAreNamed) {
  EXPECT_THROW(OutputFile(folder_ / "absent" / "out"), Error);
  std::filesystem::create_directories(folder_ / "taken" / "inside");
  EXPECT_THROW(OutputFile(folder_ / "taken"), Error);
  EXPECT_THROW(OutputFile(folder_ / "taken" / ""), Error);
  EXPECT_THROW(OutputFile("/dev/null"), Error);
  OutputFile file(folder_ / "free");
  file.write("x");
  std::filesystem::create_directories(folder_ / "free" / "inside");
  EXPECT_THROW(file.commit(), Error);  // a folder came in between
  EXPECT_EQ(files(), 2);
}

TEST_F(FileTest, MapsWhatWasWritten) {
  write("in", "0123456789");
  MappedFile first = MappedFile::open(folder_ / "in");
  ASSERT_EQ(first.bytes().size(), 10U);
  const std::byte* address = first.bytes().data();
  MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes().data(), address);
  EXPECT_EQ(second.bytes()[9], std::byte{'9'});
  write("empty", "");
  EXPECT_TRUE(MappedFile::open(folder_ / "empty").bytes().empty());
}

TEST_F(FileTest, RefusesWhatIsNoRegularFile) {
  const auto kind_of = [](const std::filesystem::path& path) {
    try {
      MappedFile::open(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
      return error.kind();
    }
    return ErrorKind::internal;
  };
  EXPECT_EQ(kind_of(folder_ / "absent"), ErrorKind::io);
  EXPECT_EQ(kind_of(folder_), ErrorKind::input);
  EXPECT_EQ(kind_of("/dev/null"), ErrorKind::input);
  // A pipe that nobody writes to must not be waited for.
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(kind_of(folder_ / "pipe"), ErrorKind::input);
}

TEST_F(FileTest, ReadFileStopsAtItsLimit) {
  write("in", std::string(100'000, 'x'));
  EXPECT_EQ(read_file(folder_ / "in", 100'000).size(), 100'000U);
  EXPECT_THROW(read_file(folder_ / "in", 99'999), Error);
  EXPECT_THROW(read_file("/dev/zero", 1 << 20), Error);
  EXPECT_THROW(read_file(folder_ / "absent", 10), Error);
}

}  // namespace
}  // namespace assay

#include "cli/part_file.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxStateBytes = 1 << 16;

std::string reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace

PartFile::PartFile(std::filesystem::path path) : path_(std::move(path)), part_(path_) {
  part_ += ".part";
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  if (error) {
    throw Error(ErrorKind::io, fmt::format("{}: cannot create: {}", path_.parent_path().string(), error.message()),
                "XDG_CACHE_HOME may name another place for the cache.");
  }
  descriptor_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw Error(ErrorKind::io, fmt::format("{}: cannot create: {}", part_.string(), reason(errno)));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw Error(ErrorKind::io, fmt::format("{}: another process is downloading this file", path_.string()),
                "Wait for it, or end it.");
  }
}

PartFile::~PartFile() {
  if (descriptor_ < 0) return;
  if (!keep_) discard();
  ::close(descriptor_);
}

std::filesystem::path PartFile::state_path() const {
  std::filesystem::path state = part_;
  return state += ".json";
}

std::uint64_t PartFile::resume(std::string_view url) {
  std::error_code error;
  nlohmann::json state;
  if (std::filesystem::exists(state_path(), error)) {
    state = nlohmann::json::parse(read_file(state_path(), kMaxStateBytes), nullptr, false);
  }
  validator_.clear();
  if (state.is_object() && state.value("url", "") == url) validator_ = state.value("validator", "");
  if (validator_.empty()) {
    restart();
    return 0;
  }
  std::byte buffer[1 << 16];
  ::lseek(descriptor_, 0, SEEK_SET);
  for (;;) {
    const ssize_t count = ::read(descriptor_, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", errno);
    if (count == 0) break;
    digest_.update({buffer, static_cast<std::size_t>(count)});
    size_ += static_cast<std::uint64_t>(count);
  }
  keep_ = size_ > 0;
  return size_;
}

void PartFile::keep(std::string_view url, std::string_view validator) {
  keep_ = !validator.empty();
  if (!keep_) return;
  OutputFile state(state_path());
  state.write(nlohmann::json{{"url", url}, {"validator", validator}}.dump());
  state.commit();
}

void PartFile::restart() {
  if (::ftruncate(descriptor_, 0) != 0) fail("truncate", errno);
  ::lseek(descriptor_, 0, SEEK_SET);
  size_ = 0;
  digest_ = Sha256();
}

void PartFile::write(std::span<const std::byte> bytes) {
  digest_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", errno);
    size_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

std::string PartFile::sha256() { return digest_.hex(); }

void PartFile::discard() {
  keep_ = false;
  ::unlink(part_.c_str());
  ::unlink(state_path().c_str());
}

void PartFile::commit() {
  // A full disk may show itself only here.
  if (::fsync(descriptor_) != 0) fail("write", errno);
  if (::rename(part_.c_str(), path_.c_str()) != 0) fail("rename", errno);
  ::unlink(state_path().c_str());
  ::close(std::exchange(descriptor_, -1));
}

void PartFile::fail(const char* verb, int error_number) {
  discard();
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
    hint = fmt::format("Free some space in {}, or set XDG_CACHE_HOME to a directory on another disk.",
                       path_.parent_path().string());
  }
  throw Error(ErrorKind::io, fmt::format("{}: cannot {}: {}", path_.string(), verb, reason(error_number)), hint);
}

}  // namespace assay::cli

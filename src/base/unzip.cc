#include "base/unzip.h"

#include <exception>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "base/error.h"

namespace assay {
namespace {

struct FreeArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};

/// The source, where libarchive's C code calls it: an exception waits until that code has returned.
struct Feed {
  const ArchiveSource& source;
  std::exception_ptr failure;

  static la_ssize_t read(archive*, void* self, const void** bytes) noexcept {
    auto& feed = *static_cast<Feed*>(self);
    try {
      const auto chunk = feed.source();
      *bytes = chunk.data();
      return static_cast<la_ssize_t>(chunk.size());
    } catch (...) {
      feed.failure = std::current_exception();
      return -1;
    }
  }
};

}  // namespace

void unpack(const std::string& archive_name, const ArchiveSource& source, const MemberVisitor& visit) {
  Feed feed{source, nullptr};
  const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
  const auto check = [&](long long result) {
    if (feed.failure != nullptr) std::rethrow_exception(feed.failure);
    if (result != ARCHIVE_OK && result != ARCHIVE_EOF && result != ARCHIVE_WARN) {
      const char* reason = archive_error_string(reader.get());
      throw Error(ErrorKind::input, fmt::format("{}: {}", archive_name, reason == nullptr ? "not readable" : reason));
    }
    return result != ARCHIVE_EOF;
  };
  check(archive_read_support_format_zip_streamable(reader.get()));
  check(archive_read_open(reader.get(), &feed, nullptr, &Feed::read, nullptr));
  archive_entry* entry = nullptr;
  while (check(archive_read_next_header(reader.get(), &entry))) {
    const char* path = archive_entry_pathname(entry);
    const bool goes_on = visit(path == nullptr ? "" : path, [&](const MemberSink& sink) {
      const void* data = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      while (check(archive_read_data_block(reader.get(), &data, &size, &offset))) {
        sink({static_cast<const std::byte*>(data), size});
      }
    });
    if (!goes_on) return;
  }
}

void unpack_member(const std::string& archive_name, std::string_view file, const ArchiveSource& source,
                   const MemberSink& sink) {
  bool is_found = false;
  unpack(archive_name, source, [&](std::string_view path, const MemberReader& read) {
    if (path.substr(path.rfind('/') + 1) != file) return true;
    read(sink);
    is_found = true;
    return false;
  });
  if (!is_found) throw Error(ErrorKind::input, fmt::format("{}: has no member '{}'", archive_name, file));
}

}  // namespace assay

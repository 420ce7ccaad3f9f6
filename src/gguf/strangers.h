// Files that are no GGUF, recognised by their first bytes and refused by name.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace assay::gguf {

/// Returns when the bytes begin like a little-endian GGUF file. Otherwise throws Error{input}, or Error{unsupported}
/// for a big-endian GGUF, that says what the file is and what to do.
void refuse_strangers(std::string_view file, std::span<const std::byte> bytes);

}  // namespace assay::gguf

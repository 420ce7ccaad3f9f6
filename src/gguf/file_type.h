// general.file_type: the number by which llama.cpp says how a file as a whole is quantized (enum llama_ftype).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::gguf {

/// "Q4_K_M" for 15; nullopt for an unknown number.
std::optional<std::string_view> file_type_name(std::uint64_t file_type);

}  // namespace assay::gguf

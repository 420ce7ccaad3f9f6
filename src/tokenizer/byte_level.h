// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written: 0x21 to 0x7E, 0xA1
// to 0xAC and 0xAE to 0xFF stand for themselves; the other 68 bytes, in order, are U+0100, U+0101, ... (a space is
// U+0120).
#pragma once

#include <string>
#include <string_view>

namespace assay::tokenizer {

/// Appends the character for a byte.
void append_byte_character(unsigned char byte, std::string& spelled);

/// The bytes that a spelled text stands for. Characters outside the alphabet, and ill-formed bytes, stand for
/// themselves.
std::string spelled_bytes(std::string_view spelled);

}  // namespace assay::tokenizer

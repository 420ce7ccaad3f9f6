// The first corpus of foreign_trace_fuzz: arrays, a stored archive, eval-callback text, JSON, ids.
// foreign_trace_seeds FOLDER
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/file.h"

namespace {

std::string npy(std::string_view description, std::string_view order, std::string_view shape, std::size_t bytes) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", description, order, shape);
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xFFU);
  file += static_cast<char>(header.size() >> 8U);
  file += header;
  for (std::size_t i = 0; i < bytes; ++i) file += static_cast<char>(i * 37 % 64);
  return file;
}

/// One member, stored, without the directory at the end, which a reader of streams does not look at.
std::string zip(std::string_view name, const std::string& content) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : content) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0);
  }
  std::string file("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00", 14);
  const auto add = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file += static_cast<char>(value >> (8 * i) & 0xFFU);
  };
  add(~crc, 4);
  add(static_cast<std::uint32_t>(content.size()), 4);
  add(static_cast<std::uint32_t>(content.size()), 4);
  add(static_cast<std::uint32_t>(name.size()), 2);
  add(0, 2);
  file += name;
  return file + content;
}

constexpr std::string_view kEvalText = R"(number of input tokens = 2
  1
  7
ggml_debug:                   Qcur-0 = (f32)    MUL_MAT(blk.0.attn_q.weight{8, 8, 1, 1}, inp_embd{8, 2, 1, 1}}) = {8, 2, 1, 1}
    [
        [
            [      0.1250,       0.2500,       0.5000,    ...,       1.0000,       2.0000,      -4.0000  ],
            [      0.1250,          nan,         -inf,    ...,       1.0000,       2.0000,      -4.0000  ],
        ],
    ]
    sum = 3.500000
ggml_debug:                   Qcur-0 = (f32)       ROPE(Qcur-0 (reshaped){4, 2, 2, 1}, inp_pos{2, 1, 1, 1}}) = {4, 2, 2, 1}
    [
        [
            [      0.1250,       0.2500,       0.5000,       1.0000  ],
            [      0.1250,       0.2500,       0.5000,       1.0000  ],
        ],
        [
            [      0.1250,       0.2500,       0.5000,       1.0000  ],
            [      0.1250,       0.2500,       0.5000,       1.0000  ],
        ],
    ]
    sum = 7.500000
)";

constexpr std::string_view kFacts =
    R"({"tokens": [1, 7], "prompt_tokens": 1, "generated": [3], "arithmetic": "f32", "taps": {"blk.0.q": {"row": 1,
"first": [0.125, null], "last": [1e-3], "at": [[3, 2]], "mean": 0.5, "decimals": 4}, "Qcur-0": [{"row": 0, "rms": 1}]},
"logits": {"row": 0, "values": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}, "top": [[3, 1.5], [4, 1.25]]})";

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const auto write = [&](const char* name, std::string_view content) {
      assay::OutputFile file(std::filesystem::path(argv[1]) / name);
      file.write(content);
      file.commit();
    };
    write("rows", npy("<f4", "False", "(3, 8)", 96));
    write("columns", npy("<f8", "True", "(8, 3)", 192));
    write("heads", npy("<f2", "False", "(2, 3, 4)", 48));
    write("archive", zip("blk.0.q_rope.npy", npy("<u2", "False", "(3, 8)", 48)) +
                         zip("tokens.npy", npy("<i4", "False", "(0,)", 0)) +
                         zip("logits@2.npy", npy("<f4", "False", "(1, 16)", 64)) +
                         zip("hidden_states.npy", npy("<f4", "False", "(2, 3, 8)", 192)));
    write("parts", zip("tokens.npy", npy("<u1", "False", "(3,)", 3)) +
                       zip("hidden_states@1.npy", npy("<f4", "False", "(2, 2, 8)", 128)));
    write("eval", kEvalText);
    write("facts", kFacts);
    write("ids", "1, 2 3\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}

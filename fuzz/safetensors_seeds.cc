// The first corpus of safetensors_fuzz: a small file of every dtype. safetensors_seeds FOLDER
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf/safetensors_writer.h"

int main(int argc, char** argv) {
  namespace gguf = assay::gguf;
  if (argc != 2) return 2;
  try {
    for (int i = 0; i <= static_cast<int>(gguf::Dtype::boolean); ++i) {
      const auto dtype = static_cast<gguf::Dtype>(i);
      gguf::SafetensorsWriter writer(std::filesystem::path(argv[1]) / std::string(gguf::name(dtype)),
                                     {{"a", dtype, {2, 3}}, {"b", gguf::Dtype::f32, {}}}, {{"key", "text"}});
      writer.write(0, 0, std::vector<std::byte>(6 * gguf::size_bytes(dtype), std::byte{1}));
      writer.write(1, 0, std::vector<std::byte>(4));
      writer.commit();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}

// Any bytes: the safetensors reader either refuses them with an Error, or every value that it gives can be read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.h"
#include "gguf/safetensors.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  namespace gguf = assay::gguf;
  using assay::ErrorKind;
  try {
    const auto file = gguf::SafetensorsFile::parse("fuzz", std::as_bytes(std::span(data, size_bytes)));
    std::vector<double> values;
    for (const gguf::SafeTensor& tensor : file.tensors()) {
      if (file.find(tensor.name) != &tensor) std::abort();
      values.resize(static_cast<std::size_t>(tensor.values()));
      gguf::read_values(tensor, 0, values.size(), values.data());
    }
  } catch (const assay::Error& error) {
    if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::unsupported) std::abort();
  }
  return 0;
}

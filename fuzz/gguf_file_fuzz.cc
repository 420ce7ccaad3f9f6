// Any bytes: the GGUF reader either refuses them with an Error, or all that it gives can be read, and written and read
// again without a change.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/writer.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

namespace {

namespace gguf = assay::gguf;
using assay::Error;
using assay::ErrorKind;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Action>
void allow_refusal(Action action) {
  try {
    action();
  } catch (const Error&) {
    // What typed access is for.
  }
}

void access_typed(const gguf::File& file) {
  for (const auto& [key, value] : file.metadata()) {
    require(file.find(key) == &value);
    allow_refusal([&, k = key] { file.get_uint(k); });
    allow_refusal([&, k = key] { file.get_float(k); });
    allow_refusal([&, k = key] { file.get_bool(k); });
    allow_refusal([&, k = key] { file.get_string(k); });
    allow_refusal([&, k = key] { file.get_strings(k); });
    allow_refusal([&, k = key] { file.get_floats(k); });
    allow_refusal([&, k = key] { file.get_ints(k); });
  }
}

/// Reads the first and the last byte of every tensor, so that a view past the end is seen.
unsigned touch(const gguf::File& file) {
  unsigned sum = 0;
  for (const gguf::Tensor& tensor : file.tensors()) {
    require(file.find_tensor(tensor.name) == &tensor);
    require(tensor.rows() * tensor.row_bytes() == tensor.data.size());
    sum += std::to_integer<unsigned>(tensor.row(0).front());
    sum += std::to_integer<unsigned>(tensor.row(tensor.rows() - 1).back());
  }
  return sum;
}

std::vector<std::byte> rewritten(const gguf::File& file) {
  gguf::Writer writer;
  for (const auto& [key, value] : file.metadata()) writer.add(key, value);
  for (const gguf::Tensor& tensor : file.tensors())
    writer.add_tensor(tensor.name, *tensor.type, tensor.ne, tensor.data);
  return writer.bytes();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  // A larger alignment writes megabytes of padding and tells nothing new.
  constexpr std::uint64_t kMaxRewrittenAlignment = 4096;
  try {
    const gguf::File file = gguf::File::parse("fuzz", std::as_bytes(std::span(data, size_bytes)));
    access_typed(file);
    // Kept from the optimizer.
    volatile unsigned sink = touch(file);
    static_cast<void>(sink);
    if (file.alignment() > kMaxRewrittenAlignment) return 0;
    const std::vector<std::byte> once = rewritten(file);
    const gguf::File again = gguf::File::parse("again", once);
    require(again.metadata().size() == file.metadata().size() && again.tensors().size() == file.tensors().size());
    require(rewritten(again) == once);
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::input || error.kind() == ErrorKind::unsupported);
  }
  return 0;
}

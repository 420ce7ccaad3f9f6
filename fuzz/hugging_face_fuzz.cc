// A folder of any files: it is either refused with an Error, or all its tensors can be made and read, and its model and
// its vocabulary load or are refused. The input is the files one after another, as packed_folder.h has them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz/packed_folder.h"
#include "hugging_face/folder.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

namespace {

using namespace assay;

/// In memory where the system has such a place; removed when the process ends.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code error;
    const bool is_there = std::filesystem::is_directory(memory, error);
    path_ = (is_there ? memory : std::filesystem::temp_directory_path()) / fmt::format("assay-fuzz-{}", getpid());
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  const std::filesystem::path& path() const { return path_; }
  /// Holds what the input holds, and nothing else.
  void fill(std::string_view packed) const {
    for (const std::string_view name : fuzz::kFolderFiles) std::filesystem::remove(path_ / name);
    for (const auto& [name, contents] : fuzz::unpacked(packed)) {
      std::ofstream(path_ / name, std::ios::binary) << contents;
    }
  }

 private:
  std::filesystem::path path_;
};

template <typename Action>
void allow_refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::unsupported) std::abort();
  }
}

unsigned make_all(const hugging_face::Folder& folder) {
  unsigned sum = 0;
  for (const gguf::Tensor& tensor : folder.model.tensors()) {
    folder.maker->make(tensor);
    for (const std::byte byte : tensor.data) sum += std::to_integer<unsigned>(byte);
    folder.maker->release(tensor);
  }
  return sum;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static const Folder folder;
  folder.fill({reinterpret_cast<const char*>(data), size_bytes});
  allow_refusal([&] {
    if (!hugging_face::is_folder(folder.path())) return;
    hugging_face::Folder opened = hugging_face::Folder::open(folder.path(), "");
    // Kept from the optimizer.
    volatile unsigned sink = make_all(opened);
    static_cast<void>(sink);
    if (opened.model.find("tokenizer.ggml.model") != nullptr) {
      allow_refusal([&] { tokenizer::Tokenizer::from_gguf(opened.model)->encode("A text, of 12 words.\n"); });
    }
    allow_refusal([&] { model::load_model(std::move(opened.model)); });
  });
  return 0;
}

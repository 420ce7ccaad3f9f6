// SHA-256 of a stream, by OpenSSL's libcrypto.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gguf/file.h"

struct evp_md_ctx_st;

namespace assay::cli {

class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  /// The digest of everything so far, as 64 lower-case hexadecimal digits. Ends the stream.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of a model's bytes, a split one's parts one after another. Shows a progress bar.
std::string model_sha256(const gguf::File& file);

/// Whether the text is a SHA-256 digest in hexadecimal (either case).
bool is_sha256(std::string_view text);

}  // namespace assay::cli

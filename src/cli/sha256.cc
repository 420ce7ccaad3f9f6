#include "cli/sha256.h"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/progress.h"

namespace assay::cli {
namespace {

void check(int result) {
  if (result != 1) throw Error(ErrorKind::internal, "libcrypto: SHA-256 failed");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr)); }

void Sha256::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  unsigned char digest[32];
  check(EVP_DigestFinal_ex(context_.get(), digest, nullptr));
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string model_sha256(const gguf::File& file) {
  Progress progress("hash", file.size_bytes(), Progress::Unit::bytes);
  Sha256 sha256;
  std::uint64_t done = 0;
  for (std::span<const std::byte> part : file.parts()) {
    while (!part.empty()) {
      const auto piece = part.first(std::min<std::size_t>(part.size(), 16 << 20));
      sha256.update(piece);
      part = part.subspan(piece.size());
      progress.update(done += piece.size());
    }
  }
  return sha256.hex();
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

}  // namespace assay::cli

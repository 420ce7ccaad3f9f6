// A file over HTTP as a stream of bytes, by libcurl. Redirects are followed one by one: a token goes to its own host
// only, and nothing goes over plain http except to this machine. A connection that breaks is opened again where it
// broke, a few times, as long as the server proves that the file is still the same one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/interrupt.h"

namespace assay::cli {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;
  std::string token_host;    ///< "name[:port]": the only host that sees `token`
  std::string token;         ///< sent as a bearer token; empty: none
  bool allow_http = false;   ///< plain http also to other machines
  bool pinned = false;       ///< the caller knows the digest of the whole, so going on needs no proof from the server
  std::uint64_t offset = 0;  ///< go on from here, when the server proves with `validator` that nothing changed
  std::string validator;     ///< of the earlier response: HttpStream::validator()
};

class HttpStream {
 public:
  /// Connects, and returns when the headers are there. Throws Error{network} with the address and the reason,
  /// Interrupted when `guard` was interrupted.
  HttpStream(HttpRequest request, const InterruptGuard& guard);
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;
  ~HttpStream();

  /// Position of the next byte in the file: the request's offset, or 0 when the server starts over.
  std::uint64_t offset() const;
  std::uint64_t total_bytes() const;     ///< of the whole file; 0 when the server does not say
  const std::string& validator() const;  ///< strong ETag or Last-Modified; empty: the server gives none
  const std::string& sha256() const;     ///< what the server says it is; empty: nothing
  const std::string& url() const;        ///< after redirects

  /// The next bytes, valid until the next call; empty at the end. Throws as the constructor.
  std::span<const std::byte> read();

 private:
  class Transfer;
  std::unique_ptr<Transfer> transfer_;
};

/// The whole of a small file. Throws Error{network} when it is larger than `max_bytes`.
std::string fetch_text(const HttpRequest& request, std::size_t max_bytes, const InterruptGuard& guard);

/// An address that stands in the document at `base`.
std::string resolve_url(const std::string& base, const std::string& reference);

}  // namespace assay::cli

#include "cli/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/model_source.h"
#include "cli/sha256.h"
#include "cli/terminal.h"

namespace assay::cli {
namespace {

constexpr int kMaxAttempts = 4;  // without a new byte in between
constexpr int kMaxRedirects = 10;
constexpr auto kFirstDelay = std::chrono::milliseconds(500);
constexpr long kMaxServerDelayS = 30;

struct FreeEasy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::uint64_t parse_number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

/// What a response's headers say.
struct Response {
  long status = 0;
  std::string etag, last_modified, content_range, location, linked_etag;
  std::uint64_t content_length = 0;
};

bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool is_transient(long status) { return status == 408 || status == 429 || status >= 500; }

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string status_hint(long status) {
  if (status == 401 || status == 403) return "The file needs permission: set HF_TOKEN to a token that may read it.";
  if (status == 404) return "Check the spelling of the address (owner, repository, file name, revision).";
  return {};
}

}  // namespace

std::string resolve_url(const std::string& base, const std::string& reference) {
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), 0) != CURLUE_OK) {
    throw Error(ErrorKind::network, fmt::format("{}: leads to an address that is none", shown_url(base)));
  }
  return url_part(url.get(), CURLUPART_URL);
}

/// One connection after another until the file is whole.
class HttpStream::Transfer {
 public:
  Transfer(HttpRequest request, const InterruptGuard& guard)
      : request_(std::move(request)), guard_(guard), multi_(curl_multi_init()) {
    offset = request_.offset;
    validator = request_.validator;
    open(true);
  }

  ~Transfer() { close(); }

  std::span<const std::byte> read() {
    for (;;) {
      if (!received_.empty()) {
        handed_out_.clear();
        std::swap(handed_out_, received_);
        const std::size_t skipped = std::min<std::uint64_t>(skip_, handed_out_.size());
        skip_ -= skipped;
        attempts_ = 0;
        if (skipped == handed_out_.size()) continue;
        offset += handed_out_.size() - skipped;
        return std::as_bytes(std::span(handed_out_)).subspan(skipped);
      }
      if (finished_ && result_ == CURLE_OK) return {};
      if (finished_) {
        retry_or_throw(failure(result_), is_transient(result_));
        open(false);
        continue;
      }
      pump();
    }
  }

  std::uint64_t offset = 0;  // of the next byte for the caller
  std::uint64_t total_bytes = 0;
  std::string validator;
  std::string sha256;
  std::string url;

 private:
  /// Opens the connection at offset, through redirects, until the headers of the file itself are there.
  void open(bool first) {
    for (;;) {
      if (open_once(first)) return;
    }
  }

  /// False when it failed but may be tried again (after the pause).
  bool open_once(bool first) {
    url = request_.url;
    for (int hop = 0; hop <= kMaxRedirects; ++hop) {
      start();
      while (!finished_ && !has_body_) pump();
      if (finished_ && result_ != CURLE_OK && result_ != CURLE_PARTIAL_FILE) {
        retry_or_throw(failure(result_), is_transient(result_));
        return false;
      }
      if (!is_redirect(response_.status)) return accept(first);
      if (sha256.empty()) sha256 = digest_of(response_.linked_etag);
      if (response_.location.empty()) throw Error(ErrorKind::network, message("redirects to nowhere"));
      url = resolve_url(url, response_.location);
    }
    throw Error(ErrorKind::network, fmt::format("{}: more than {} redirects", shown_url(request_.url), kMaxRedirects));
  }

  /// Checks the status of the final response, and that it goes on where we stand.
  bool accept(bool first) {
    const long status = response_.status;
    if (status == 416 && first && offset > 0) {  // our part is no part of what is there today
      offset = 0;
      return false;
    }
    if (status != 200 && status != 206) {
      const Error error(ErrorKind::network, message(fmt::format("the server answers {}", status)), status_hint(status));
      retry_or_throw(error, is_transient(status));
      return false;
    }
    const std::string found = validator_of(response_);
    skip_ = 0;
    if (status == 206) {
      const std::string_view range = response_.content_range;  // bytes 100-199/200
      const std::size_t space = range.find(' ');
      const std::size_t slash = range.find('/');
      const bool same_start = space != std::string_view::npos && parse_number(range.substr(space + 1)) == offset;
      if (!same_start) throw Error(ErrorKind::network, message("the server sends another range than was asked for"));
      if (slash != std::string_view::npos) total_bytes = parse_number(range.substr(slash + 1));
    } else {
      if (first) {
        offset = 0;
      } else if (request_.pinned || (!found.empty() && found == validator)) {
        skip_ = offset;
      } else {
        throw Error(ErrorKind::network, message("the connection broke, and the file on the server changed meanwhile"),
                    "Run the command again.");
      }
      total_bytes = response_.content_length;
    }
    validator = found;
    if (sha256.empty()) sha256 = digest_of(response_.linked_etag.empty() ? response_.etag : response_.linked_etag);
    return true;
  }

  void start() {
    close();
    response_ = {};
    result_ = CURLE_OK;
    finished_ = has_body_ = false;
    error_text_[0] = '\0';
    easy_.reset(curl_easy_init());
    const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
      throw Error(ErrorKind::usage, fmt::format("'{}' is no URL", shown_url(url)));
    }
    std::string host = url_part(parsed.get(), CURLUPART_HOST);
    check_scheme(url_part(parsed.get(), CURLUPART_SCHEME), host);
    const std::string port = url_part(parsed.get(), CURLUPART_PORT);
    if (!port.empty()) host += ":" + port;

    curl_slist* list = nullptr;
    const auto add_header = [&](const std::string& header) { list = curl_slist_append(list, header.c_str()); };
    for (const std::string& header : request_.headers) add_header(header);
    if (!request_.token.empty() && host == request_.token_host) add_header("Authorization: Bearer " + request_.token);
    if (offset > 0) {
      add_header(fmt::format("Range: bytes={}-", offset));
      if (!validator.empty()) add_header("If-Range: " + validator);
    }
    headers_.reset(list);

    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "assay/" ASSAY_VERSION);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_multi_add_handle(multi_.get(), easy);
  }

  void close() {
    if (easy_ != nullptr) curl_multi_remove_handle(multi_.get(), easy_.get());
    easy_.reset();
  }

  void check_scheme(std::string_view scheme, std::string_view host) const {
    const bool local = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
    if (scheme == "https" || (scheme == "http" && (local || request_.allow_http))) return;
    throw Error(ErrorKind::network, message("refusing to fetch over " + std::string(scheme)),
                scheme == "http" ? "Use https://, or --allow-http if you trust the way there." : "");
  }

  /// Lets libcurl work until something happened or a moment passed.
  void pump() {
    guard_.throw_if_interrupted();
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) throw Error(ErrorKind::internal, "libcurl failed");
    int queued = 0;
    while (const CURLMsg* note = curl_multi_info_read(multi_.get(), &queued)) {
      if (note->msg != CURLMSG_DONE) continue;
      finished_ = true;
      result_ = note->data.result;
    }
    if (!finished_ && received_.empty()) curl_multi_poll(multi_.get(), nullptr, 0, 100, nullptr);
  }

  void retry_or_throw(const Error& error, bool transient) {
    if (!transient || ++attempts_ >= kMaxAttempts) throw error;
    // Without proof that the file stays the same, a second half may belong to another file.
    if (offset > 0 && validator.empty() && !request_.pinned) throw error;
    auto delay = kFirstDelay * (1 << (attempts_ - 1));
    curl_off_t server_delay_s = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &server_delay_s);
    if (server_delay_s > 0) delay = std::chrono::seconds(std::min<curl_off_t>(server_delay_s, kMaxServerDelayS));
    print_note(fmt::format("{}; trying again in {:.1f} s", error.what(), std::chrono::duration<double>(delay).count()));
    const auto end = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < end) {
      guard_.throw_if_interrupted();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  Error failure(CURLcode code) const {
    std::string_view reason = trim(error_text_);
    if (reason.empty()) reason = curl_easy_strerror(code);
    const std::string where = offset > 0 ? fmt::format(" at {}", human_bytes(offset)) : std::string();
    const bool certificate = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
    return {ErrorKind::network, message(fmt::format("the download broke{}: {}", where, reason)),
            certificate ? "The package ca-certificates may be missing." : "Check the network, then run it again."};
  }

  std::string message(std::string_view what) const { return fmt::format("{}: {}", shown_url(url), what); }

  static std::string validator_of(const Response& response) {
    // A weak ETag does not promise equal bytes.
    if (!response.etag.empty() && !response.etag.starts_with("W/")) return response.etag;
    return response.last_modified;
  }

  static std::string digest_of(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
    return is_sha256(etag) ? lower(etag) : std::string();
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    Response& response = static_cast<Transfer*>(self)->response_;
    const std::string_view line = trim({data, size});
    if (line.starts_with("HTTP/")) {
      response = {};
      const std::size_t space = line.find(' ');
      if (space != std::string_view::npos) response.status = static_cast<long>(parse_number(line.substr(space + 1)));
      return size;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      // The empty line that ends the headers; an informational response (1xx) is followed by the real one.
      if (line.empty() && response.status >= 200) static_cast<Transfer*>(self)->has_body_ = true;
      return size;
    }
    const std::string name = lower(line.substr(0, colon));
    const std::string value(trim(line.substr(colon + 1)));
    if (name == "etag") response.etag = value;
    if (name == "x-linked-etag") response.linked_etag = value;
    if (name == "last-modified") response.last_modified = value;
    if (name == "content-range") response.content_range = value;
    if (name == "location") response.location = value;
    if (name == "content-length") response.content_length = parse_number(value);
    return size;
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const long status = transfer.response_.status;
    if (status == 200 || status == 206) transfer.received_.append(data, size);
    return size;
  }

  HttpRequest request_;
  const InterruptGuard& guard_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  char error_text_[CURL_ERROR_SIZE] = {};
  Response response_;
  CURLcode result_ = CURLE_OK;
  bool finished_ = false;
  bool has_body_ = false;
  int attempts_ = 0;
  std::uint64_t skip_ = 0;  // bytes the caller has already, sent once more
  std::string received_;
  std::string handed_out_;
};

HttpStream::HttpStream(HttpRequest request, const InterruptGuard& guard)
    : transfer_(std::make_unique<Transfer>(std::move(request), guard)) {}

HttpStream::~HttpStream() = default;

std::uint64_t HttpStream::offset() const { return transfer_->offset; }
std::uint64_t HttpStream::total_bytes() const { return transfer_->total_bytes; }
const std::string& HttpStream::validator() const { return transfer_->validator; }
const std::string& HttpStream::sha256() const { return transfer_->sha256; }
const std::string& HttpStream::url() const { return transfer_->url; }
std::span<const std::byte> HttpStream::read() { return transfer_->read(); }

std::string fetch_text(const HttpRequest& request, std::size_t max_bytes, const InterruptGuard& guard) {
  HttpStream stream(request, guard);
  std::string text;
  for (auto bytes = stream.read(); !bytes.empty(); bytes = stream.read()) {
    if (text.size() + bytes.size() > max_bytes) {
      throw Error(ErrorKind::network,
                  fmt::format("{}: larger than {}", shown_url(stream.url()), human_bytes(max_bytes)));
    }
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return text;
}

}  // namespace assay::cli

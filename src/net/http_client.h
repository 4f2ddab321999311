// Outbound HTTP over libcurl, blocking, one request at a time per handle; handles keep their connections.
// Redirects are not followed, and proxies named in the environment are not used: requests go to Burrow's own processes.
// Trusts the authorities of the system, or those that SSL_CERT_FILE and SSL_CERT_DIR named when the process began.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/reach.h"

namespace burrow::net {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string_view body;             // when body_fd < 0
  int body_fd = -1;                  // a regular file, sent from offset 0 to its end
  // Receives the response body of a 2xx answer; absent: collected in HttpResponse::body up to body_limit.
  std::function<Status(std::string_view)> sink;
  std::function<void(int status)> on_status;  // may be absent; called once before the first byte of a body
  // May be absent; each header of the answer, its name in lower case, before its body.
  std::function<void(std::string_view name, std::string_view value)> on_header;
  std::function<bool()> cancelled;  // may be absent; asked at least every second: true ends the request, kCancelled
  uint64_t body_limit = 16u << 20;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds stall_timeout{15'000};  // no byte moved for so long: kUnavailable
  // Judged by the addresses that the host's name leads to: kPermissionDenied. A client has requests of one reach only,
  // since connections are kept.
  Reach reach = Reach::kEverywhere;
};

struct HttpResponse {
  int status = 0;
  std::string body;                        // error bodies are collected here too (bounded)
  std::optional<uint64_t> content_length;  // of the answer, where it says so; after HEAD, that of the GET
  std::string etag;                        // as sent, with its quotes; empty when absent
};

// Thread-safe: takes an idle handle from its pool for each request. Transport failures are kUnavailable; any HTTP
// status is a success here.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  Result<HttpResponse> Perform(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::net

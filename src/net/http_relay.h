// Hands requests on to another HTTP server and its answers back, piece by piece, over connections that it keeps. On its
// IoContext's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/http_server.h"
#include "net/http_upstream.h"
#include "net/task.h"

namespace burrow::net {

struct HttpRelayOptions {
  std::string host;
  uint16_t port = 0;
  size_t connections = 4'096;              // at once; more are kResourceExhausted
  size_t long_bodies = 64;                 // requests at once whose bodies may be held by the server; as above
  size_t kept = 64;                        // idle ones
  std::chrono::milliseconds keep{30'000};  // less than the server's patience with idle connections
  HttpUpstreamLimits limits;
};

// How one request is handed on. Method, path and body go as they came; of its headers only those that are named.
struct HttpRelayRequest {
  std::vector<std::string_view> headers;                        // taken over from the client's
  std::vector<std::pair<std::string_view, std::string>> added;  // said by the relay
  uint64_t body_limit = 16u << 20;
  // Until the whole body has come, of one that the server holds in memory; zero: it streams, and only stalls end it.
  std::chrono::milliseconds body_deadline{0};
  std::function<bool(int status)> withholds;  // may be absent; true: the client is not to see this answer
};

class HttpRelay {
 public:
  explicit HttpRelay(HttpRelayOptions options);
  ~HttpRelay();

  // Answers the exchange with what the server answers. A request whose body was at hand at once is repeated where a
  // kept connection turns out to be dead: the server must allow for requests that come twice. When the client leaves,
  // the server sees its connection closed. Nothing was answered, and the caller may, on
  //   kUnavailable        the server cannot be reached
  //   kUnauthenticated    its answer was withheld
  //   kOutOfRange         the body is too large
  //   kResourceExhausted  too many requests are on their way
  //   kInvalidArgument    the body is no HTTP, or came too slowly
  // On kAborted the answer broke off, and only the end of the connection can say so.
  Task<Status> Forward(HttpExchange& exchange, HttpRelayRequest request);

  size_t open() const;  // connections, with idle ones

 private:
  struct Shared;
  class Slot;
  class LongBody;
  class Passage;
  std::shared_ptr<Shared> shared_;  // also of requests that unwind after the relay's end
};

}  // namespace burrow::net

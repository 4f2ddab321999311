// An HTTP/1.1 server with keep-alive, streaming both ways, and WebSocket upgrade. Runs on the one thread of its
// IoContext; handlers are coroutines there and must not block.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/blocking_pool.h"
#include "net/task.h"
#include "net/websocket.h"

namespace burrow::net {

// One request and its answer; valid while the handler runs. When the client leaves, the handler's pending operations
// are cancelled (they fail with kCancelled, or boost::system operation_aborted from other Asio waits). A client that
// has shut down its sending side counts as one that left. A handler that throws, or ends without an answer, is answered
// with 500.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual std::string_view method() const = 0;
  virtual std::string_view path() const = 0;                         // without the query, as sent
  virtual std::string_view query() const = 0;                        // without '?'
  virtual std::string_view header(std::string_view name) const = 0;  // "" when absent

  // The whole body; kOutOfRange above the limit, kInvalidArgument when it is not HTTP, kDeadlineExceeded when it
  // stalls.
  virtual Task<Result<std::string>> ReadBody(uint64_t limit) = 0;
  // Some of the body; 0 at its end.
  virtual Task<Result<size_t>> ReadSome(std::span<char> buffer) = 0;

  virtual void AddHeader(std::string_view name, std::string_view value) = 0;  // of the answer, before it starts
  virtual Task<Status> Respond(int status, std::string_view content_type, std::string body) = 0;
  // Sends `length` bytes of a file from `offset`, without holding them in memory.
  virtual Task<Status> RespondFile(int status, std::string_view content_type, int fd, uint64_t offset,
                                   uint64_t length) = 0;
  // Chunked, or exactly `length` bytes; where fewer come before EndStream, the connection is closed.
  virtual Task<Status> BeginStream(int status, std::string_view content_type,
                                   std::optional<uint64_t> length = std::nullopt) = 0;
  virtual Task<Status> WriteChunk(std::string_view data) = 0;  // suspends while the client is slow
  virtual Task<Status> EndStream() = 0;
  virtual Task<Result<std::unique_ptr<WebSocket>>> UpgradeToWebSocket(uint64_t message_limit) = 0;
};

using HttpHandler = std::function<Task<void>(HttpExchange&)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;                  // 0: any free one
  int listening = -1;                 // a socket of any kind that listens already, instead; duplicated, not owned
  BlockingPool* file_pool = nullptr;  // not owned; RespondFile reads the disk there. Absent: on the loop's thread
  size_t connections = 10'000;        // more are closed at once
  size_t header_bytes = 32u << 10;    // of a request; more is answered with 431
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds header_timeout{15'000};  // from a header's first byte to its last
  std::chrono::milliseconds stall_timeout{30'000};   // no byte of a body moved for so long
};

class HttpServer {
 public:
  // kFailedPrecondition, naming the address, when the port is taken.
  static Result<std::unique_ptr<HttpServer>> Listen(IoContext& io, HttpServerOptions options, HttpHandler handler);
  virtual ~HttpServer() = default;
  virtual uint16_t port() const = 0;
  // Stops accepting and cancels every running exchange. Exchanges unwind in later turns of the loop, so what the
  // handler refers to must live until the loop has run dry or is gone. The destructor stops too.
  virtual void Stop() = 0;
};

}  // namespace burrow::net

// One open WebSocket of binary messages, server's or client's end. Lives on its IoContext's single thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/task.h"

namespace burrow::net {

class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // The next message; kUnavailable once the peer is gone or silent (pings are sent and expected every few seconds).
  virtual Task<Result<std::string>> Read() = 0;
  // Queues one message and returns at once; messages leave in order. Dropped once closed by this end.
  virtual void Send(std::string message) = 0;
  virtual size_t queued_bytes() const = 0;
  // After Read has failed: the messages that had not been handed to the system whole, in order, once.
  virtual std::vector<std::string> TakeUnsent() = 0;
  // Ends both directions; a pending Read fails. What is queued has up to 2 s to leave, even when the WebSocket is
  // destroyed meanwhile.
  virtual void Close() = 0;
};

struct WebSocketClientOptions {
  std::string host;
  uint16_t port = 0;
  std::string target = "/";
  std::string bearer_token;
  std::chrono::milliseconds connect_timeout{5'000};
  uint64_t message_limit = 64u << 20;
};
// Connects; kUnauthenticated when the server refuses the token, kUnavailable when it cannot be reached.
Task<Result<std::unique_ptr<WebSocket>>> ConnectWebSocket(WebSocketClientOptions options);

}  // namespace burrow::net

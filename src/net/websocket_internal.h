// The connection behind a WebSocket: Beast's stream with a queue of messages before it. Internal to this module; the
// handshakes are kept apart, since each half takes the compiler long.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/websocket.h"

namespace burrow::net {

using WebSocketStream = boost::beast::websocket::stream<boost::beast::tcp_stream>;

// Shared by the WebSocket and its pending operations. As WebSocket says.
class WebSocketConnection : public std::enable_shared_from_this<WebSocketConnection> {
 public:
  explicit WebSocketConnection(boost::beast::tcp_stream tcp);

  WebSocketStream& stream() { return stream_; }
  void Configure(boost::beast::role_type role, uint64_t message_limit);

  Task<Result<std::string>> Read();
  void Send(std::string message);
  void Close();
  size_t queued_bytes() const { return queued_bytes_; }
  std::vector<std::string> TakeUnsent();

 private:
  void WriteNext();
  void Written(boost::beast::error_code error);
  void Drop();
  boost::beast::tcp_stream& tcp_stream() { return boost::beast::get_lowest_layer(stream_); }

  WebSocketStream stream_;
  boost::asio::steady_timer flush_timer_;
  boost::beast::flat_buffer in_;
  std::deque<std::string> queue_;  // the first is being written
  size_t queued_bytes_ = 0;
  bool closed_ = false;  // by its owner
  bool lost_ = false;    // no byte moves any more
};

// After the handshake. It had the deadline of the TCP stream; from here the WebSocket's own idle timeout watches.
std::unique_ptr<WebSocket> OpenedWebSocket(std::shared_ptr<WebSocketConnection> connection);

}  // namespace burrow::net

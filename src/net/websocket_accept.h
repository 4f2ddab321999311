// The server's half of a WebSocket handshake.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/websocket.h"

namespace burrow::net {

struct WebSocketHandshake {
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;  // of the GET request
  uint64_t message_limit = 0;
};
// kInvalidArgument when the request asks for no WebSocket; the refusal has then been sent.
Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(boost::asio::ip::tcp::socket socket,
                                                         WebSocketHandshake handshake);

}  // namespace burrow::net

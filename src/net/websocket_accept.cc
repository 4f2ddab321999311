#include "net/websocket_accept.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket.hpp>

#include "net/websocket_internal.h"

namespace burrow::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(tcp::socket socket, WebSocketHandshake handshake) {
  http::request<http::empty_body> request(http::verb::get, handshake.target, 11);
  for (const auto& [name, value] : handshake.headers) request.insert(name, value);
  auto connection = std::make_shared<WebSocketConnection>(beast::tcp_stream(std::move(socket)));
  connection->Configure(beast::role_type::server, handshake.message_limit);
  auto [error] = co_await connection->stream().async_accept(request, asio::as_tuple(asio::use_awaitable));
  if (error) co_return Fail(Code::kInvalidArgument, "no WebSocket was opened: {}", error.message());
  co_return OpenedWebSocket(std::move(connection));
}

}  // namespace burrow::net

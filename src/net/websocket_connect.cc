#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket.hpp>

#include "net/tcp_connect.h"
#include "net/websocket_internal.h"

namespace burrow::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

namespace {

Error Refused(const WebSocketClientOptions& options, http::status status) {
  if (status == http::status::unauthorized || status == http::status::forbidden) {
    return Error(Code::kUnauthenticated, fmt::format("{}:{} refuses the token", options.host, options.port));
  }
  return Error(Code::kUnavailable, fmt::format("{}:{} answers {} instead of opening {}", options.host, options.port,
                                               static_cast<int>(status), options.target));
}

}  // namespace

Task<Result<std::unique_ptr<WebSocket>>> ConnectWebSocket(WebSocketClientOptions options) {
  BURROW_CO_ASSIGN_OR_RETURN(auto socket, co_await ConnectTcp(options.host, options.port, options.connect_timeout));
  beast::tcp_stream tcp(std::move(socket));
  tcp.expires_after(options.connect_timeout);
  auto connection = std::make_shared<WebSocketConnection>(std::move(tcp));
  connection->Configure(beast::role_type::client, options.message_limit);
  connection->stream().set_option(websocket::stream_base::decorator([&options](websocket::request_type& request) {
    if (!options.bearer_token.empty()) request.set(http::field::authorization, "Bearer " + options.bearer_token);
  }));
  websocket::response_type response;
  std::string host = fmt::format("{}:{}", options.host, options.port);
  auto [error] = co_await connection->stream().async_handshake(response, host, options.target,
                                                               asio::as_tuple(asio::use_awaitable));
  if (error == websocket::error::upgrade_declined) co_return Forward(Refused(options, response.result()));
  if (error) co_return Fail(Code::kUnavailable, "cannot open a link to {}: {}", host, error.message());
  co_return OpenedWebSocket(std::move(connection));
}

}  // namespace burrow::net

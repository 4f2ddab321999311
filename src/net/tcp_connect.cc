#include "net/tcp_connect.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace burrow::net {
namespace asio = boost::asio;
using asio::ip::tcp;

Task<Result<tcp::socket>> ConnectTcp(const std::string& host, uint16_t port, std::chrono::milliseconds timeout) {
  constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
  tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [resolve_error, endpoints] = co_await resolver.async_resolve(host, std::to_string(port), kAwait);
  if (resolve_error) co_return Fail(Code::kUnavailable, "cannot resolve {}: {}", host, resolve_error.message());
  boost::beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(timeout);
  auto [error, endpoint] = co_await stream.async_connect(endpoints, kAwait);
  if (error) co_return Fail(Code::kUnavailable, "cannot reach {}:{}: {}", host, port, error.message());
  co_return stream.release_socket();
}

}  // namespace burrow::net

#include "net/websocket.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>

#include "net/websocket_accept.h"

namespace burrow::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using beast::error_code;

namespace {

using Stream = websocket::stream<beast::tcp_stream>;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kHandshakeTimeout = std::chrono::seconds(10);
constexpr auto kSilence = std::chrono::seconds(8);  // half of it without a byte: a ping; all of it: the peer is gone
constexpr auto kFlushTimeout = std::chrono::seconds(2);
constexpr size_t kKeptBuffer = 1u << 20;

// Shared by the WebSocket and its pending operations.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(beast::tcp_stream tcp) : stream_(std::move(tcp)), flush_timer_(stream_.get_executor()) {}

  Stream& stream() { return stream_; }

  void Configure(beast::role_type role, uint64_t message_limit) {
    auto timeout = websocket::stream_base::timeout::suggested(role);
    timeout.handshake_timeout = kHandshakeTimeout;
    timeout.idle_timeout = kSilence;
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.read_message_max(message_limit);
    stream_.write_buffer_bytes(64u << 10);
    error_code ignored;
    tcp_stream().socket().set_option(tcp::no_delay(true), ignored);
  }
  // The handshake had the deadline of the TCP stream; from here the WebSocket's own idle timeout watches.
  void Opened() { tcp_stream().expires_never(); }
  beast::tcp_stream& tcp_stream() { return beast::get_lowest_layer(stream_); }

  Task<Result<std::string>> Read();
  void Send(std::string message);
  void Close();
  size_t queued_bytes() const { return queued_bytes_; }
  std::vector<std::string> TakeUnsent();

 private:
  void WriteNext();
  void Written(error_code error);
  void Drop();

  Stream stream_;
  asio::steady_timer flush_timer_;
  beast::flat_buffer in_;
  std::deque<std::string> queue_;  // the first is being written
  size_t queued_bytes_ = 0;
  bool closed_ = false;  // by its owner
  bool lost_ = false;    // no byte moves any more
};

Task<Result<std::string>> Connection::Read() {
  auto self = shared_from_this();
  if (closed_ || lost_) co_return Fail(Code::kUnavailable, "the connection is closed");
  auto [error, size] = co_await stream_.async_read(in_, kAwait);
  if (error || closed_) {
    Drop();
    co_return Fail(Code::kUnavailable, "the connection is lost: {}", error ? error.message() : "closed");
  }
  std::string message = beast::buffers_to_string(in_.data());
  in_.consume(size);
  if (in_.capacity() > kKeptBuffer) in_.shrink_to_fit();
  co_return message;
}

void Connection::Send(std::string message) {
  if (closed_) return;
  queued_bytes_ += message.size();
  queue_.push_back(std::move(message));
  if (queue_.size() == 1 && !lost_) WriteNext();
}

void Connection::WriteNext() {
  stream_.async_write(asio::buffer(queue_.front()),
                      [self = shared_from_this()](error_code error, size_t) { self->Written(error); });
}

void Connection::Written(error_code error) {
  if (error) return Drop();
  queued_bytes_ -= std::min(queued_bytes_, queue_.front().size());
  queue_.pop_front();
  if (lost_) return;
  if (!queue_.empty()) {
    WriteNext();
  } else if (closed_) {
    Drop();
  }
}

// Lets what is queued leave, for a while.
void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  if (lost_ || queue_.empty()) return Drop();
  flush_timer_.expires_after(kFlushTimeout);
  flush_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->Drop();
  });
}

void Connection::Drop() {
  lost_ = true;
  flush_timer_.cancel();
  tcp_stream().close();
}

std::vector<std::string> Connection::TakeUnsent() {
  Drop();
  std::vector<std::string> unsent(queue_.begin(), queue_.end());
  // The message that is being written must live until its operation has ended.
  if (queue_.size() > 1) queue_.erase(queue_.begin() + 1, queue_.end());
  queued_bytes_ = 0;
  closed_ = true;
  return unsent;
}

class BeastWebSocket final : public WebSocket {
 public:
  explicit BeastWebSocket(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~BeastWebSocket() override { connection_->Close(); }
  Task<Result<std::string>> Read() override { return connection_->Read(); }
  void Send(std::string message) override { connection_->Send(std::move(message)); }
  size_t queued_bytes() const override { return connection_->queued_bytes(); }
  std::vector<std::string> TakeUnsent() override { return connection_->TakeUnsent(); }
  void Close() override { connection_->Close(); }

 private:
  std::shared_ptr<Connection> connection_;
};

std::unique_ptr<WebSocket> Wrap(std::shared_ptr<Connection> connection) {
  connection->Opened();
  return std::make_unique<BeastWebSocket>(std::move(connection));
}

Error Refused(const WebSocketClientOptions& options, http::status status) {
  if (status == http::status::unauthorized || status == http::status::forbidden) {
    return Error(Code::kUnauthenticated, fmt::format("{}:{} refuses the token", options.host, options.port));
  }
  return Error(Code::kUnavailable, fmt::format("{}:{} answers {} instead of opening {}", options.host, options.port,
                                               static_cast<int>(status), options.target));
}

Task<Result<tcp::resolver::results_type>> Resolve(const WebSocketClientOptions& options) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [error, found] = co_await resolver.async_resolve(options.host, std::to_string(options.port), kAwait);
  if (error) co_return Fail(Code::kUnavailable, "cannot resolve {}: {}", options.host, error.message());
  co_return found;
}

}  // namespace

Task<Result<std::unique_ptr<WebSocket>>> ConnectWebSocket(WebSocketClientOptions options) {
  BURROW_CO_ASSIGN_OR_RETURN(auto endpoints, co_await Resolve(options));
  beast::tcp_stream tcp(co_await asio::this_coro::executor);
  tcp.expires_after(options.connect_timeout);
  auto [connect_error, endpoint] = co_await tcp.async_connect(endpoints, kAwait);
  if (connect_error) {
    co_return Fail(Code::kUnavailable, "cannot reach {}:{}: {}", options.host, options.port, connect_error.message());
  }
  auto connection = std::make_shared<Connection>(std::move(tcp));
  connection->Configure(beast::role_type::client, options.message_limit);
  connection->stream().set_option(websocket::stream_base::decorator([&options](websocket::request_type& request) {
    if (!options.bearer_token.empty()) request.set(http::field::authorization, "Bearer " + options.bearer_token);
  }));
  websocket::response_type response;
  std::string host = fmt::format("{}:{}", options.host, options.port);
  auto [error] = co_await connection->stream().async_handshake(response, host, options.target, kAwait);
  if (error == websocket::error::upgrade_declined) co_return Forward(Refused(options, response.result()));
  if (error) co_return Fail(Code::kUnavailable, "cannot open a link to {}: {}", host, error.message());
  co_return Wrap(std::move(connection));
}

Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(tcp::socket socket, WebSocketHandshake handshake) {
  http::request<http::empty_body> request(http::verb::get, handshake.target, 11);
  for (const auto& [name, value] : handshake.headers) request.insert(name, value);
  auto connection = std::make_shared<Connection>(beast::tcp_stream(std::move(socket)));
  connection->Configure(beast::role_type::server, handshake.message_limit);
  auto [error] = co_await connection->stream().async_accept(request, kAwait);
  if (error) co_return Fail(Code::kInvalidArgument, "no WebSocket was opened: {}", error.message());
  co_return Wrap(std::move(connection));
}

}  // namespace burrow::net

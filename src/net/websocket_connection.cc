#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket.hpp>
#include <utility>

#include "net/websocket_internal.h"

namespace burrow::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using beast::error_code;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kHandshakeTimeout = std::chrono::seconds(10);
constexpr auto kSilence = std::chrono::seconds(8);  // half of it without a byte: a ping; all of it: the peer is gone
constexpr auto kFlushTimeout = std::chrono::seconds(2);
constexpr size_t kKeptBuffer = 1u << 20;

class BeastWebSocket final : public WebSocket {
 public:
  explicit BeastWebSocket(std::shared_ptr<WebSocketConnection> connection) : connection_(std::move(connection)) {}
  ~BeastWebSocket() override { connection_->Close(); }
  Task<Result<std::string>> Read() override { return connection_->Read(); }
  void Send(std::string message) override { connection_->Send(std::move(message)); }
  size_t queued_bytes() const override { return connection_->queued_bytes(); }
  std::vector<std::string> TakeUnsent() override { return connection_->TakeUnsent(); }
  void Close() override { connection_->Close(); }

 private:
  std::shared_ptr<WebSocketConnection> connection_;
};

}  // namespace

WebSocketConnection::WebSocketConnection(beast::tcp_stream tcp)
    : stream_(std::move(tcp)), flush_timer_(stream_.get_executor()) {}

void WebSocketConnection::Configure(beast::role_type role, uint64_t message_limit) {
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

Task<Result<std::string>> WebSocketConnection::Read() {
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

void WebSocketConnection::Send(std::string message) {
  if (closed_) return;
  queued_bytes_ += message.size();
  queue_.push_back(std::move(message));
  if (queue_.size() == 1 && !lost_) WriteNext();
}

void WebSocketConnection::WriteNext() {
  stream_.async_write(asio::buffer(queue_.front()),
                      [self = shared_from_this()](error_code error, size_t) { self->Written(error); });
}

void WebSocketConnection::Written(error_code error) {
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
void WebSocketConnection::Close() {
  if (closed_) return;
  closed_ = true;
  if (lost_ || queue_.empty()) return Drop();
  flush_timer_.expires_after(kFlushTimeout);
  flush_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->Drop();
  });
}

void WebSocketConnection::Drop() {
  lost_ = true;
  flush_timer_.cancel();
  tcp_stream().close();
}

std::vector<std::string> WebSocketConnection::TakeUnsent() {
  Drop();
  std::vector<std::string> unsent(queue_.begin(), queue_.end());
  // The message that is being written must live until its operation has ended.
  if (queue_.size() > 1) queue_.erase(queue_.begin() + 1, queue_.end());
  queued_bytes_ = 0;
  closed_ = true;
  return unsent;
}

std::unique_ptr<WebSocket> OpenedWebSocket(std::shared_ptr<WebSocketConnection> connection) {
  beast::get_lowest_layer(connection->stream()).expires_never();
  return std::make_unique<BeastWebSocket>(std::move(connection));
}

}  // namespace burrow::net

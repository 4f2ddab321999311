#include "net/http_upstream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "net/tcp_connect.h"

namespace burrow::net {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kUpstreamRead = 64u << 10;
constexpr size_t kUpstreamBuffer = 128u << 10;
constexpr uint32_t kUpstreamHead = 32u << 10;
constexpr auto kAwaitTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct HttpUpstream::State {
  State(asio::ip::tcp::socket connected, HttpUpstreamLimits given) : stream(std::move(connected)), limits(given) {}
  boost::beast::tcp_stream stream;
  HttpUpstreamLimits limits;
  boost::beast::flat_buffer buffer{kUpstreamBuffer};
  std::optional<http::response_parser<http::buffer_body>> parser;
};

HttpUpstream::HttpUpstream(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpUpstream::~HttpUpstream() = default;

Task<Result<std::unique_ptr<HttpUpstream>>> HttpUpstream::Connect(std::string host, uint16_t port,
                                                                  HttpUpstreamLimits limits) {
  BURROW_CO_ASSIGN_OR_RETURN(auto socket, co_await ConnectTcp(host, port, limits.connect));
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  co_return std::unique_ptr<HttpUpstream>(new HttpUpstream(std::make_unique<State>(std::move(socket), limits)));
}

Task<Status> HttpUpstream::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    state_->stream.expires_after(state_->limits.send);
    auto [error, sent] = co_await state_->stream.async_write_some(asio::buffer(bytes), kAwaitTuple);
    if (error) co_return Fail(Code::kUnavailable, "the server takes no request: {}", error.message());
    bytes.remove_prefix(sent);
  }
  co_return Status();
}

Task<Status> HttpUpstream::Fill() {
  auto& buffer = state_->buffer;
  const size_t room = std::min(kUpstreamRead, buffer.max_size() - buffer.size());
  if (room == 0) co_return Fail(Code::kUnavailable, "the server's answer is not HTTP/1.1");
  state_->stream.expires_after(state_->limits.silence);
  auto [error, got] = co_await state_->stream.async_read_some(buffer.prepare(room), kAwaitTuple);
  if (error) co_return Fail(Code::kUnavailable, "the server does not answer: {}", error.message());
  buffer.commit(got);
  co_return Status();
}

Task<Status> HttpUpstream::ReadHead(bool bodiless) {
  auto& buffer = state_->buffer;
  auto& parser = state_->parser;
  parser.emplace();
  parser->header_limit(kUpstreamHead);
  parser->body_limit(boost::none);
  parser->skip(bodiless);
  while (!parser->is_header_done()) {
    if (buffer.size() == 0) BURROW_CO_RETURN_IF_ERROR(co_await Fill());
    error_code error;
    const size_t used = parser->put(buffer.data(), error);
    buffer.consume(used);
    if (error && error != http::error::need_more)
      co_return Fail(Code::kUnavailable, "the server's answer is not HTTP/1.1: {}", error.message());
    if (!parser->is_header_done() && used == 0) BURROW_CO_RETURN_IF_ERROR(co_await Fill());
  }
  co_return Status();
}

int HttpUpstream::status() const { return static_cast<int>(state_->parser->get().result_int()); }
std::string_view HttpUpstream::header(std::string_view name) const { return state_->parser->get()[name]; }
std::optional<uint64_t> HttpUpstream::length() const {
  const auto length = state_->parser->content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}
bool HttpUpstream::reusable() const {
  return state_->parser->is_done() && state_->parser->keep_alive() && state_->buffer.size() == 0;
}

// Moves buffered input through the parser; 0 when it needs more from the socket, or is done.
Result<size_t> HttpUpstream::ParseBody(std::span<char> buffer) {
  auto& parser = *state_->parser;
  auto& body = parser.get().body();
  body.data = buffer.data();
  body.size = buffer.size();
  while (state_->buffer.size() > 0 && !parser.is_done() && body.size == buffer.size()) {
    error_code error;
    const size_t used = parser.put(state_->buffer.data(), error);
    state_->buffer.consume(used);
    if (error && error != http::error::need_buffer && error != http::error::need_more)
      return Fail(Code::kUnavailable, "the server's answer is not HTTP/1.1: {}", error.message());
    if (used == 0) break;
  }
  return buffer.size() - body.size;
}

Task<Result<size_t>> HttpUpstream::ReadSome(std::span<char> buffer) {
  while (!state_->parser->is_done()) {
    BURROW_CO_ASSIGN_OR_RETURN(const size_t got, ParseBody(buffer));
    if (got > 0) co_return got;
    if (!state_->parser->is_done()) BURROW_CO_RETURN_IF_ERROR(co_await Fill());
  }
  co_return size_t{0};
}

}  // namespace burrow::net

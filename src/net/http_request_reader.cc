#include "net/http_request_reader.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>

namespace burrow::net {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kReadSize = 8u << 10;
constexpr size_t kBodyReadSize = 64u << 10;
constexpr size_t kBufferLimit = 128u << 10;
constexpr uint64_t kDrainLimit = 64u << 10;  // more unread body than this costs the connection
constexpr auto kLinger = std::chrono::seconds(5);

}  // namespace

struct HttpRequestReader::Input {
  boost::beast::flat_buffer buffer{kBufferLimit};
  std::optional<http::request_parser<http::buffer_body>> parser;

  const auto& request() const { return parser->get(); }
};

HttpRequestReader::HttpRequestReader(HttpConnection& connection)
    : connection_(connection), input_(std::make_unique<Input>()) {}
HttpRequestReader::~HttpRequestReader() = default;

std::string_view HttpRequestReader::method() const { return input_->request().method_string(); }
std::string_view HttpRequestReader::target() const { return input_->request().target(); }
std::string_view HttpRequestReader::header(std::string_view name) const { return input_->request()[name]; }
std::string_view HttpRequestReader::query() const {
  size_t mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view() : target().substr(mark + 1);
}
bool HttpRequestReader::http_1_0() const { return input_->request().version() < 11; }
bool HttpRequestReader::is_head() const { return input_->request().method() == http::verb::head; }

std::vector<std::pair<std::string, std::string>> HttpRequestReader::headers() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& field : input_->request()) all.emplace_back(field.name_string(), field.value());
  return all;
}

// ---- The header

Task<HttpRequestReader::Head> HttpRequestReader::ReadHead() {
  const auto& options = connection_.core().options;
  auto& [buffer, parser] = *input_;
  if (buffer.size() == 0 && buffer.capacity() > 2 * kReadSize) buffer.shrink_to_fit();
  parser.emplace();
  parser->header_limit(static_cast<uint32_t>(options.header_bytes));
  parser->body_limit(boost::none);
  bool begun = false;
  connection_.ExpireIn(options.idle_timeout);
  for (;;) {
    if (buffer.size() > 0) {
      if (!begun) connection_.ExpireIn(options.header_timeout);
      begun = true;
      error_code error;
      buffer.consume(parser->put(buffer.data(), error));
      if (error == http::error::header_limit) co_return Head::kTooLarge;
      if (error && error != http::error::need_more) co_return Head::kMalformed;
      if (parser->is_header_done()) break;
    }
    if (auto error = co_await Fill(kReadSize); error) {
      co_return connection_.expired() && begun ? Head::kLate : Head::kClosed;
    }
  }
  connection_.NeverExpire();
  connection_.SetReusable(parser->get().keep_alive());
  expects_continue_ =
      !parser->is_done() && !http_1_0() && boost::beast::iequals(parser->get()[http::field::expect], "100-continue");
  co_return Head::kComplete;
}

// ---- The body

Task<error_code> HttpRequestReader::Fill(size_t bytes) {
  auto& buffer = input_->buffer;
  bytes = std::min(bytes, buffer.max_size() - buffer.size());
  if (bytes == 0) co_return http::error::buffer_overflow;
  auto [error, got] =
      co_await connection_.socket().async_read_some(buffer.prepare(bytes), asio::as_tuple(asio::use_awaitable));
  buffer.commit(got);
  co_return error;
}

Status HttpRequestReader::ReadFailure(error_code error) const {
  if (connection_.expired()) return Fail(Code::kDeadlineExceeded, "the request's body stalled");
  if (error == http::error::buffer_overflow) return Fail(Code::kInvalidArgument, "the request's body is not HTTP/1.1");
  return Fail(Code::kCancelled, "the client has gone");
}

// Moves buffered input through the parser; 0 with `starved` when it needs more from the socket.
Result<size_t> HttpRequestReader::ParseBody(std::span<char> buffer, bool& starved) {
  auto& body = input_->parser->get().body();
  body.data = buffer.data();
  body.size = buffer.size();
  starved = false;
  while (input_->buffer.size() > 0 && !input_->parser->is_done() && body.size == buffer.size()) {
    error_code error;
    size_t used = input_->parser->put(input_->buffer.data(), error);
    input_->buffer.consume(used);
    if (error && error != http::error::need_buffer && error != http::error::need_more) {
      connection_.SetReusable(false);
      return Fail(Code::kInvalidArgument, "the request's body is not HTTP/1.1: {}", error.message());
    }
    if (used == 0) break;
  }
  size_t produced = buffer.size() - body.size;
  starved = produced == 0 && !input_->parser->is_done();
  return produced;
}

Task<Status> HttpRequestReader::ContinueIfExpected() {
  if (!expects_continue_) co_return Status();
  expects_continue_ = false;
  if (input_->buffer.size() > 0) co_return Status();
  std::array<iovec, 1> parts{Part("HTTP/1.1 100 Continue\r\n\r\n")};
  co_return co_await connection_.Write(parts);
}

Task<Result<size_t>> HttpRequestReader::ReadSome(std::span<char> buffer) {
  if (buffer.empty() || input_->parser->is_done()) co_return size_t{0};
  BURROW_CO_RETURN_IF_ERROR(co_await ContinueIfExpected());
  for (;;) {
    bool starved = false;
    auto produced = ParseBody(buffer, starved);
    if (!produced || !starved) co_return produced;
    connection_.ExpireIn(connection_.core().options.stall_timeout);
    auto error = co_await Fill(kBodyReadSize);
    connection_.NeverExpire();
    if (error) {
      connection_.SetReusable(false);
      co_return Forward(ReadFailure(error).error());
    }
  }
}

Task<Result<std::string>> HttpRequestReader::ReadBody(uint64_t limit) {
  std::string body;
  uint64_t announced = input_->parser->content_length_remaining().value_or(0);
  if (announced > limit)
    co_return Fail(Code::kOutOfRange, "the body has {} bytes, more than the limit of {}", announced, limit);
  size_t filled = 0;
  while (!input_->parser->is_done()) {
    if (filled == body.size()) {
      uint64_t room = filled == 0 ? std::max<uint64_t>(announced, kReadSize) : 2 * uint64_t{filled};
      body.resize(announced > filled ? announced : std::min<uint64_t>(room, limit + 1));
    }
    if (filled > limit) co_return Fail(Code::kOutOfRange, "the body is larger than the limit of {} bytes", limit);
    BURROW_CO_ASSIGN_OR_RETURN(size_t got, co_await ReadSome(std::span(body).subspan(filled)));
    filled += got;
  }
  if (filled > limit) co_return Fail(Code::kOutOfRange, "the body is larger than the limit of {} bytes", limit);
  body.resize(filled);
  co_return body;
}

// ---- What nobody reads

bool HttpRequestReader::EndAsking() {
  // Nobody knows whether a body that was never asked for will follow.
  bool unasked = std::exchange(expects_continue_, false);
  if (input_->parser->is_done()) return true;
  auto left = input_->parser->content_length_remaining();
  return !unasked && left && *left <= kDrainLimit;
}

Task<bool> HttpRequestReader::DrainBody() {
  std::array<char, 4096> scratch;
  while (!input_->parser->is_done()) {
    auto got = co_await ReadSome(scratch);
    if (!got) co_return false;
    if (*got == 0) break;
  }
  co_return true;
}

Task<void> HttpRequestReader::DrainConnection() {
  SteadyTime end = connection_.core().now + kLinger;
  error_code error;
  while (!error) {
    input_->buffer.clear();
    connection_.ExpireAt(end);
    error = co_await Fill(kBodyReadSize);
  }
}

}  // namespace burrow::net

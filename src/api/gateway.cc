#include "api/gateway.h"

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "api/answer.h"
#include "api/connect_codec.h"
#include "base/log.h"

namespace burrow::api {
namespace asio = boost::asio;
using google::protobuf::Message;
using net::HttpExchange;
using net::Task;

namespace {

constexpr uint64_t kBodyLimit = 16u << 20;

using Deadline = std::optional<std::chrono::milliseconds>;

// Turns what a handler throws into an error.
template <class T>
Task<Result<T>> Guard(Task<Result<T>> call, std::string_view method) {
  try {
    co_return co_await std::move(call);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) co_return Fail(Code::kCancelled, "the request was cancelled");
    LogError("{} threw: {}", method, e.what());
  } catch (const std::exception& e) {
    LogError("{} threw: {}", method, e.what());
  }
  co_return Fail(Code::kInternal, "{} failed inside the server; its log says why", method);
}

// Cancels the call at its deadline, and then waits until it has unwound.
template <class T>
Task<Result<T>> Within(Deadline deadline, Task<Result<T>> call) {
  using namespace asio::experimental::awaitable_operators;
  if (!deadline) co_return co_await std::move(call);
  asio::steady_timer timer(co_await asio::this_coro::executor, *deadline);
  auto outcome = co_await (std::move(call) || timer.async_wait(asio::use_awaitable));
  if (outcome.index() == 1)
    co_return Fail(Code::kDeadlineExceeded, "the call took longer than {} ms", deadline->count());
  co_return std::get<0>(std::move(outcome));
}

// What a request says besides its message.
struct RequestHead {
  ContentKind content;
  Deadline deadline;
};

Result<RequestHead> ReadHead(const HttpExchange& exchange, ContentKind content) {
  auto version = exchange.header("Connect-Protocol-Version");
  if (!version.empty() && version != "1") {
    return Fail(Code::kInvalidArgument, "Connect-Protocol-Version {} is not spoken here: send 1", version);
  }
  auto encoding = exchange.header(content.framing == Framing::kUnary ? "Content-Encoding" : "Connect-Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    return Fail(Code::kUnimplemented, "Content-Encoding {} is not supported: send the request uncompressed", encoding);
  }
  BURROW_ASSIGN_OR_RETURN(auto deadline, ParseTimeout(exchange.header("Connect-Timeout-Ms")));
  return RequestHead{content, deadline};
}

Task<Status> ReadMessage(HttpExchange& exchange, ContentKind content, Message& message) {
  bool stream = content.framing == Framing::kStream;
  auto body = co_await exchange.ReadBody(kBodyLimit + (stream ? kEnvelopeHead : 0));
  if (!body && body.error().code() == Code::kOutOfRange) {
    co_return Fail(Code::kResourceExhausted, "the request is too large: {}; send large data by PUT /blobs/<sha256>",
                   body.error().message());
  }
  if (!body) co_return Forward(std::move(body.error()));
  std::string_view bytes = *body;
  if (stream) {
    auto opened = OpenEnvelope(bytes);
    if (!opened) co_return Forward(std::move(opened.error()));
    bytes = *opened;
  }
  co_return DecodeMessage(content.encoding, bytes, message);
}

class ExchangeSink final : public MessageSink {
 public:
  ExchangeSink(HttpExchange& exchange, Encoding encoding, Standing& standing)
      : exchange_(exchange), encoding_(encoding), standing_(standing) {}
  Task<Status> Write(const Message& message) override {
    if (!standing_.Lasts()) co_return Fail(Code::kUnauthenticated, "the token was revoked meanwhile");
    auto bytes = EncodeMessage(encoding_, message);
    if (!bytes) co_return Forward(std::move(bytes.error()));
    std::string envelope = MakeEnvelope(0, *bytes);
    co_return co_await exchange_.WriteChunk(envelope);
  }

 private:
  HttpExchange& exchange_;
  Encoding encoding_;
  Standing& standing_;
};

template <class Method>
Task<Result<std::unique_ptr<Message>>> CallUnary(HttpExchange& exchange, const Caller& caller, const Method& method,
                                                 ContentKind content, std::string_view name) {
  auto head = ReadHead(exchange, content);
  if (!head) co_return Forward(std::move(head.error()));
  auto request = method.new_request();
  BURROW_CO_RETURN_IF_ERROR(co_await ReadMessage(exchange, content, *request));
  auto response = co_await Within(head->deadline, Guard(method.call(caller, *request), name));
  if (!response && method.retry_after) {
    if (const auto delay = method.retry_after(caller, *request, response.error()))
      exchange.AddHeader("Retry-After", RetryAfterSeconds(*delay));
  }
  co_return response;
}

template <class Method>
Task<Status> CallStream(HttpExchange& exchange, const Caller& caller, Standing& standing, const Method& method,
                        ContentKind content, std::string_view name) {
  auto head = ReadHead(exchange, content);
  if (!head) co_return Forward(std::move(head.error()));
  auto request = method.new_request();
  BURROW_CO_RETURN_IF_ERROR(co_await ReadMessage(exchange, content, *request));
  BURROW_CO_RETURN_IF_ERROR(co_await exchange.BeginStream(200, ContentTypeOf(content)));
  ExchangeSink sink(exchange, content.encoding, standing);
  co_return co_await Within(head->deadline, Guard(method.call(caller, *request, sink), name));
}

template <class Method>
Task<void> AnswerUnary(HttpExchange& exchange, const Caller& caller, const Method& method, ContentKind content,
                       std::string_view name) {
  auto response = co_await CallUnary(exchange, caller, method, content, name);
  Result<std::string> body =
      response ? EncodeMessage(content.encoding, **response) : Forward(std::move(response.error()));
  if (body) {
    co_await exchange.Respond(200, ContentTypeOf(content), std::move(*body));
  } else {
    co_await RespondError(exchange, body.error());
  }
}

// In a stream the outcome, good or bad, is its last envelope; even an error that came before the first message.
template <class Method>
Task<void> AnswerStream(HttpExchange& exchange, const Caller& caller, Standing& standing, const Method& method,
                        ContentKind content, std::string_view name) {
  auto status = co_await CallStream(exchange, caller, standing, method, content, name);
  (void)co_await exchange.BeginStream(200, ContentTypeOf(content));  // no effect where it has begun
  std::string end = MakeEnvelope(kEndStreamFlag, EndStreamJson(status));
  if (co_await exchange.WriteChunk(end)) (void)co_await exchange.EndStream();
}

Task<Status> RefuseContent(HttpExchange& exchange, bool stream) {
  exchange.AddHeader("Accept-Post", stream ? "application/connect+json, application/connect+proto"
                                           : "application/json, application/proto");
  return RespondError(
      exchange,
      Error(Code::kInvalidArgument,
            fmt::format("Content-Type '{}' is not supported here: send {}", exchange.header("Content-Type"),
                        stream ? "application/connect+json" : "application/json")),
      415);
}

}  // namespace

Task<void> Gateway::Handle(HttpExchange& exchange, const Caller& caller, Standing& standing) const {
  std::string_view name = exchange.path().substr(std::min<size_t>(1, exchange.path().size()));
  auto unary = unary_.find(name);
  auto stream = streams_.find(name);
  bool streams = stream != streams_.end();
  if (unary == unary_.end() && !streams) {
    co_await RespondError(exchange, Error(Code::kUnimplemented, fmt::format("there is no method {}", name)), 404);
    co_return;
  }
  if (exchange.method() != "POST") {
    exchange.AddHeader("Allow", "POST");
    co_await RespondError(exchange, Error(Code::kUnimplemented, fmt::format("call {} by POST", name)), 405);
    co_return;
  }
  auto content = ParseContentType(exchange.header("Content-Type"));
  if (!content || (content->framing == Framing::kStream) != streams) {
    co_await RefuseContent(exchange, streams);
  } else if (streams) {
    co_await AnswerStream(exchange, caller, standing, stream->second, *content, name);
  } else {
    co_await AnswerUnary(exchange, caller, unary->second, *content, name);
  }
}

}  // namespace burrow::api

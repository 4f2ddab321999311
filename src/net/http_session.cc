#include "net/http_session.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.h"
#include "net/http_answer.h"
#include "net/http_connection.h"
#include "net/http_request_reader.h"
#include "net/websocket_accept.h"

namespace burrow::net {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

class Session final : public HttpSession, public HttpExchange, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<HttpServerCore> core, tcp::socket socket, uint64_t id)
      : core_(std::move(core)), id_(id), connection_(core_, std::move(socket)) {
    core_->sessions.emplace(id_, this);
  }
  ~Session() override {
    core_->sessions.erase(id_);
    if (connection_.socket().is_open()) core_->watch->Remove(connection_.socket().native_handle());
  }

  void Spawn();
  void PeerGone() override;
  void CheckDeadline() override { connection_.CheckDeadline(); }
  void Abort() override;

  std::string_view method() const override { return request_.method(); }
  std::string_view path() const override { return request_.path(); }
  std::string_view query() const override { return request_.query(); }
  std::string_view header(std::string_view name) const override { return request_.header(name); }
  Task<Result<std::string>> ReadBody(uint64_t limit) override { return request_.ReadBody(limit); }
  Task<Result<size_t>> ReadSome(std::span<char> buffer) override { return request_.ReadSome(buffer); }

  void AddHeader(std::string_view name, std::string_view value) override { answer_.AddHeader(name, value); }
  Task<Status> Respond(int status, std::string_view content_type, std::string body) override {
    return answer_.Respond(status, content_type, std::move(body));
  }
  Task<Status> RespondFile(int status, std::string_view content_type, int fd, uint64_t offset,
                           uint64_t length) override {
    return answer_.RespondFile(status, content_type, fd, offset, length);
  }
  Task<Status> BeginStream(int status, std::string_view content_type, std::optional<uint64_t> length) override {
    return answer_.BeginStream(status, content_type, length);
  }
  Task<Status> WriteChunk(std::string_view data) override { return answer_.WriteChunk(data); }
  Task<Status> EndStream() override { return answer_.EndStream(); }
  Task<Result<std::unique_ptr<WebSocket>>> UpgradeToWebSocket(uint64_t message_limit) override;

 private:
  Task<void> Run();
  Task<bool> NextRequest();
  Task<void> Serve();
  Task<void> RunHandler();
  Task<void> Linger();

  std::shared_ptr<HttpServerCore> core_;
  uint64_t id_;
  HttpConnection connection_;
  HttpRequestReader request_{connection_};
  HttpAnswer answer_{connection_, request_};
  asio::cancellation_signal cancel_;
  uint64_t exchanges_ = 0;
  bool in_handler_ = false;
  bool upgraded_ = false;
  bool peer_gone_ = false;
  bool cancelled_ = false;  // the coroutine is unwinding; nothing more is sent
};

void Session::Spawn() {
  auto run = [](std::shared_ptr<Session> self) -> Task<void> { co_await self->Run(); };
  auto executor = connection_.socket().get_executor();
  asio::co_spawn(
      executor, run(shared_from_this()),
      asio::bind_cancellation_slot(cancel_.slot(), [self = shared_from_this()](const std::exception_ptr&) {}));
}

void Session::PeerGone() {
  peer_gone_ = true;
  if (!in_handler_ || cancelled_) return;
  cancelled_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
}

void Session::Abort() {
  cancelled_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
}

Task<void> Session::Run() {
  try {
    while (co_await NextRequest()) {
      co_await Serve();
      if (cancelled_ || upgraded_) co_return;
      bool reusable = connection_.reusable() && answer_.complete();
      if (!reusable || !co_await request_.DrainBody()) break;
    }
    if (!cancelled_) co_await Linger();
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) LogError("an HTTP connection ended: {}", e.what());
  } catch (const std::exception& e) {
    LogError("an HTTP connection ended: {}", e.what());
  }
}

// True once a request's header is complete; what never becomes a request is refused.
Task<bool> Session::NextRequest() {
  using Head = HttpRequestReader::Head;
  switch (co_await request_.ReadHead()) {
    case Head::kComplete:
      co_return true;
    case Head::kTooLarge:
      co_await answer_.Refuse(431, "The request's header is too large.");
      break;
    case Head::kMalformed:
      co_await answer_.Refuse(400, "The request is not HTTP/1.1.");
      break;
    case Head::kLate:
      co_await answer_.Refuse(408, "The request did not arrive in time.");
      break;
    case Head::kClosed:
      break;
  }
  co_return false;
}

Task<void> Session::Serve() {
  ++exchanges_;
  answer_.Reset();
  if (peer_gone_) {
    // It sent its request and left: what needs no waiting is done, everything else cancelled.
    asio::post(connection_.socket().get_executor(), [weak = weak_from_this(), exchange = exchanges_] {
      auto self = weak.lock();
      if (self && self->exchanges_ == exchange) self->PeerGone();
    });
  }
  co_await RunHandler();
  if (cancelled_ || upgraded_ || answer_.begun()) co_return;
  connection_.SetReusable(false);
  co_await Respond(500, "application/json",
                   R"({"code":"internal","message":"The server failed to answer; its log says why."})");
}

Task<void> Session::RunHandler() {
  in_handler_ = true;
  try {
    co_await core_->handler(*this);
  } catch (const boost::system::system_error& e) {
    if (!(cancelled_ && e.code() == asio::error::operation_aborted))
      LogError("{} {} threw: {}", method(), path(), e.what());
  } catch (const std::exception& e) {
    LogError("{} {} threw: {}", method(), path(), e.what());
  }
  in_handler_ = false;
}

// Closes so that the last answer arrives: a close with unread input would reset the connection and could take the
// answer along.
Task<void> Session::Linger() {
  error_code error;
  connection_.socket().shutdown(tcp::socket::shutdown_send, error);
  if (!error) co_await request_.DrainConnection();
}

Task<Result<std::unique_ptr<WebSocket>>> Session::UpgradeToWebSocket(uint64_t message_limit) {
  BURROW_CO_RETURN_IF_ERROR(answer_.HandOver());
  WebSocketHandshake handshake{
      .target = std::string(request_.target()), .headers = request_.headers(), .message_limit = message_limit};
  upgraded_ = true;
  core_->watch->Remove(connection_.socket().native_handle());
  co_return co_await AcceptWebSocket(std::move(connection_.socket()), std::move(handshake));
}

}  // namespace

void HttpSession::Start(std::shared_ptr<HttpServerCore> core, tcp::socket socket, uint64_t id) {
  auto watch = core->watch;
  int fd = socket.native_handle();
  auto session = std::make_shared<Session>(std::move(core), std::move(socket), id);
  if (auto watched = watch->Add(fd, id); !watched) {
    LogError("drop a connection: {}", watched.error().message());
    return;
  }
  session->Spawn();
}

}  // namespace burrow::net

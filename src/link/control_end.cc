#include "link/control_end.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "base/log.h"
#include "link/protocol.h"

namespace burrow::link {
namespace asio = boost::asio;
using burrow::link::v1::FromControl;
using burrow::link::v1::FromWorker;
using burrow::link::v1::Hello;
using net::Task;

namespace {

constexpr size_t kQueueLimit = 256u << 20;
constexpr size_t kWorkerIdLimit = 128;

class Connection final : public WorkerConnection {
 public:
  Connection(std::shared_ptr<net::WebSocket> socket, WorkerId worker)
      : socket_(std::move(socket)), worker_(std::move(worker)) {}
  const WorkerId& worker() const override { return worker_; }
  void Send(const FromControl& message) override {
    if (socket_->queued_bytes() > kQueueLimit) {
      LogError("worker {} takes no messages: its link is closed", worker_.str());
      socket_->Close();
    }
    socket_->Send(message.SerializeAsString());
  }
  void Close() override { socket_->Close(); }

 private:
  std::shared_ptr<net::WebSocket> socket_;
  WorkerId worker_;
};

void SendWelcome(net::WebSocket& socket) {
  FromControl message;
  message.mutable_welcome()->set_protocol(kProtocol);
  socket.Send(message.SerializeAsString());
}

// The worker's first message, if it is one that may stay.
Task<std::optional<Hello>> ReadHello(std::shared_ptr<net::WebSocket> socket) {
  asio::steady_timer deadline(co_await asio::this_coro::executor, kGreetingTimeout);
  deadline.async_wait([socket](boost::system::error_code error) {
    if (!error) socket->Close();
  });
  auto bytes = co_await socket->Read();
  if (!bytes) co_return std::nullopt;
  FromWorker message;
  if (!message.ParseFromString(*bytes) || !message.has_hello()) {
    LogWarn("a worker did not begin with Hello: its link is closed");
    co_return std::nullopt;
  }
  if (message.hello().protocol() != kProtocol) {
    LogWarn("worker {} speaks protocol {}, not {}: install the same version of Burrow there",
            message.hello().worker_id(), message.hello().protocol(), kProtocol);
    SendWelcome(*socket);
    co_return std::nullopt;
  }
  const auto& id = message.hello().worker_id();
  if (id.empty() || id.size() > kWorkerIdLimit) {
    LogWarn("a worker said Hello without an id: its link is closed");
    co_return std::nullopt;
  }
  co_return std::move(*message.mutable_hello());
}

}  // namespace

// One worker's time on the link, between its Hello and its end.
class WorkerSession {
 public:
  WorkerSession(std::shared_ptr<net::WebSocket> socket, WorkerListener& listener, WorkerId worker)
      : socket_(std::move(socket)),
        listener_(listener),
        connection_(std::make_shared<Connection>(socket_, std::move(worker))) {}

  void Join(const Hello& hello) {
    auto& slot = listener_.current_[connection_->worker()];
    if (auto* old = std::exchange(slot, nullptr)) {
      LogInfo("worker {} dials in again: its old link is closed", connection_->worker().str());
      old->Close();
      listener_.WorkerGone(connection_->worker());
    }
    listener_.current_[connection_->worker()] = connection_.get();
    SendWelcome(*socket_);
    listener_.WorkerJoined(connection_, hello);
  }

  Task<void> ReadMessages(const std::function<bool()>& lasts) {
    for (;;) {
      auto bytes = co_await socket_->Read();
      if (!bytes || !IsCurrent()) co_return;
      if (!lasts()) {
        LogWarn("the token of worker {} was revoked: its link is closed", connection_->worker().str());
        co_return;
      }
      FromWorker message;
      if (!message.ParseFromString(*bytes) || message.has_hello()) {
        LogError("worker {} sent what is no message: its link is closed", connection_->worker().str());
        co_return;
      }
      listener_.WorkerSaid(*connection_, std::move(message));
    }
  }

  void Leave() {
    socket_->Close();
    if (!IsCurrent()) return;
    listener_.current_.erase(connection_->worker());
    listener_.WorkerGone(connection_->worker());
  }

 private:
  bool IsCurrent() const {
    auto found = listener_.current_.find(connection_->worker());
    return found != listener_.current_.end() && found->second == connection_.get();
  }

  std::shared_ptr<net::WebSocket> socket_;
  WorkerListener& listener_;
  std::shared_ptr<Connection> connection_;
};

Task<void> ServeWorker(std::unique_ptr<net::WebSocket> unique_socket, WorkerListener& listener,
                       std::function<bool()> lasts) {
  std::shared_ptr<net::WebSocket> socket = std::move(unique_socket);
  auto hello = co_await ReadHello(socket);
  if (!hello) {
    socket->Close();
    co_return;
  }
  WorkerSession session(socket, listener, WorkerId(hello->worker_id()));
  std::exception_ptr cancelled;
  try {
    session.Join(*hello);
    co_await session.ReadMessages(lasts);
  } catch (const boost::system::system_error&) {
    cancelled = std::current_exception();  // the server stops
  } catch (const std::exception& e) {
    LogError("the link to worker {} ended: {}", hello->worker_id(), e.what());
  }
  session.Leave();
  if (cancelled) std::rethrow_exception(cancelled);
}

}  // namespace burrow::link

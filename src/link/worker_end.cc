#include "link/worker_end.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <random>
#include <utility>
#include <variant>

#include "base/log.h"
#include "link/outbox.h"
#include "link/protocol.h"
#include "net/event.h"
#include "net/websocket.h"

namespace burrow::link {
namespace asio = boost::asio;
using burrow::link::v1::FromControl;
using burrow::link::v1::FromWorker;
using net::Task;
using std::chrono::milliseconds;

namespace {

constexpr size_t kOutboxLimit = 64u << 20;
constexpr size_t kStuckLimit = 4 * kOutboxLimit;
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kForever = std::chrono::hours(24 * 365);

// Doubling pauses, each shortened by chance, so that many workers do not come back at once.
class BackOff {
 public:
  milliseconds Next() {
    auto pause = next_;
    next_ = std::min(2 * next_, kLongestPause);
    std::uniform_real_distribution<double> share(0.5, 1.0);
    return milliseconds(static_cast<int64_t>(static_cast<double>(pause.count()) * share(random_)));
  }
  void Reset() { next_ = kFirstPause; }

 private:
  milliseconds next_ = kFirstPause;
  std::minstd_rand random_{std::random_device{}()};
};

class DiallingWorkerEnd final : public WorkerEnd {
 public:
  DiallingWorkerEnd(net::IoContext& io, WorkerEndOptions options)
      : options_(std::move(options)), stop_(io), outbox_(kOutboxLimit) {}
  ~DiallingWorkerEnd() override {
    if (socket_) socket_->Close();
  }

  void Send(FromWorker message) override;
  bool connected() const override { return connected_; }
  Task<Status> Run() override;
  void Stop() override {
    stopped_ = true;
    stop_.Notify();
    if (socket_) socket_->Close();
  }

 private:
  enum class Verdict { kTryAgain, kRefused };
  struct Failure {
    Verdict verdict;
    Error error;
  };
  using Attempt = std::expected<void, Failure>;

  Task<Attempt> Connect();
  Task<Attempt> Greet();
  Task<Error> Converse();
  WorkerEndOptions options_;
  net::Event stop_;
  Outbox outbox_;
  BackOff back_off_;
  std::shared_ptr<net::WebSocket> socket_;
  bool connected_ = false;
  bool stopped_ = false;
};

void DiallingWorkerEnd::Send(FromWorker message) {
  bool logs = message.has_logs() || message.has_step_output();  // what may be lost before an outcome is
  if (!connected_) {
    outbox_.Add(logs ? Outbox::Kind::kLogs : Outbox::Kind::kMessage, message.SerializeAsString());
    return;
  }
  size_t queued = socket_->queued_bytes();
  if (logs && queued > kOutboxLimit) return;
  if (queued > kStuckLimit) {
    // Dialled again; the outbox keeps what fits.
    connected_ = false;
    outbox_.Add(Outbox::Kind::kMessage, message.SerializeAsString());
    socket_->Close();
    return;
  }
  socket_->Send(message.SerializeAsString());
}

Task<Status> DiallingWorkerEnd::Run() {
  bool complained = false;
  while (!stopped_) {
    auto attempt = co_await Connect();
    if (attempt) attempt = co_await Greet();
    std::optional<Error> lost;
    if (attempt) {
      LogInfo("the link to control at {}:{} is open", options_.host, options_.port);
      if (options_.on_open) options_.on_open();
      complained = false;
      back_off_.Reset();
      lost = co_await Converse();
      if (options_.on_lost) options_.on_lost();
    } else {
      lost = attempt.error().error;
    }
    socket_.reset();
    if (stopped_) break;
    if (!attempt && attempt.error().verdict == Verdict::kRefused) co_return Forward(std::move(*lost));
    if (!std::exchange(complained, true)) LogWarn("no link to control: {} (dialling again)", lost->message());
    co_await stop_.Wait(back_off_.Next());
  }
  co_return Status();
}

Task<DiallingWorkerEnd::Attempt> DiallingWorkerEnd::Connect() {
  using namespace asio::experimental::awaitable_operators;
  net::WebSocketClientOptions options;
  options.host = options_.host;
  options.port = options_.port;
  options.target = "/link";
  options.bearer_token = options_.token;
  auto outcome = co_await (net::ConnectWebSocket(std::move(options)) || stop_.Wait(kForever));
  if (outcome.index() == 1) co_return std::unexpected(Failure{Verdict::kTryAgain, Error(Code::kCancelled, "stopped")});
  auto& socket = std::get<0>(outcome);
  if (!socket) {
    bool refused = socket.error().code() == Code::kUnauthenticated;
    co_return std::unexpected(Failure{refused ? Verdict::kRefused : Verdict::kTryAgain, std::move(socket.error())});
  }
  socket_ = std::move(*socket);
  co_return Attempt();
}

// Hello and Welcome.
Task<DiallingWorkerEnd::Attempt> DiallingWorkerEnd::Greet() {
  FromWorker message;
  *message.mutable_hello() = options_.hello();
  message.mutable_hello()->set_protocol(kProtocol);
  socket_->Send(message.SerializeAsString());
  asio::steady_timer deadline(co_await asio::this_coro::executor, kGreetingTimeout);
  deadline.async_wait([socket = socket_](boost::system::error_code error) {
    if (!error) socket->Close();
  });
  auto bytes = co_await socket_->Read();
  if (!bytes) co_return std::unexpected(Failure{Verdict::kTryAgain, std::move(bytes.error())});
  FromControl answer;
  if (!answer.ParseFromString(*bytes) || !answer.has_welcome()) {
    co_return std::unexpected(Failure{Verdict::kTryAgain, Error(Code::kInternal, "control did not answer Welcome")});
  }
  if (answer.welcome().protocol() != kProtocol) {
    std::string text =
        fmt::format("control at {}:{} speaks protocol {}, this worker {}: install the same version of Burrow on both",
                    options_.host, options_.port, answer.welcome().protocol(), kProtocol);
    co_return std::unexpected(Failure{Verdict::kRefused, Error(Code::kFailedPrecondition, std::move(text))});
  }
  co_return Attempt();
}

// Until the connection is lost.
Task<Error> DiallingWorkerEnd::Converse() {
  connected_ = true;
  for (auto& bytes : outbox_.Take()) socket_->Send(std::move(bytes));
  std::optional<Error> lost;
  while (!lost) {
    auto bytes = co_await socket_->Read();
    FromControl message;
    if (!bytes) {
      lost = std::move(bytes.error());
    } else if (!message.ParseFromString(*bytes)) {
      lost = Error(Code::kInternal, "control sent what is no message");
    } else {
      options_.on_message(std::move(message));
    }
  }
  connected_ = false;
  outbox_.PutBack(socket_->TakeUnsent());
  co_return std::move(*lost);
}

}  // namespace

std::unique_ptr<WorkerEnd> NewWorkerEnd(net::IoContext& io, WorkerEndOptions options) {
  return std::make_unique<DiallingWorkerEnd>(io, std::move(options));
}

}  // namespace burrow::link

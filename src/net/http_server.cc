#include "net/http_server.h"

#include <fcntl.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>

#include "base/log.h"
#include "base/unique_fd.h"
#include "net/http_session.h"
#include "net/http_text.h"

namespace burrow::net {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(50);
constexpr auto kWarnPause = std::chrono::seconds(10);

std::chrono::milliseconds TickOf(const HttpServerOptions& options) {
  auto shortest = std::min({options.idle_timeout, options.header_timeout, options.stall_timeout});
  return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(1'000));
}

// Small answers leave at once; a client whose machine is gone is noticed within half a minute.
void Tune(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using KeepIdle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using KeepInterval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using KeepCount = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  socket.set_option(KeepIdle(15), ignored);
  socket.set_option(KeepInterval(5), ignored);
  socket.set_option(KeepCount(3), ignored);
  socket.native_non_blocking(true, ignored);
}

// What the pending operations of the server hold on to; it outlives the HttpServer by some turns of the loop.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(IoContext& io, std::shared_ptr<HttpServerCore> core)
      : core_(std::move(core)), acceptor_(io), tick_timer_(io), pause_(io), tick_(TickOf(core_->options)) {}

  Status Open(IoContext& io) { return core_->options.listening < 0 ? Bind(io) : Adopt(); }
  void Start() {
    Tick();
    Accept();
  }
  void Stop();
  uint16_t port() const { return port_; }

 private:
  Status Bind(IoContext& io);
  Status Adopt();
  void Accept();
  void Accepted(error_code error, tcp::socket socket);
  void WarnOfMany();
  void Tick();

  std::shared_ptr<HttpServerCore> core_;
  tcp::acceptor acceptor_;
  asio::steady_timer tick_timer_;
  asio::steady_timer pause_;
  std::chrono::milliseconds tick_;
  uint16_t port_ = 0;
  uint64_t next_id_ = 1;
  SteadyTime warned_{};
  bool stopped_ = false;
};

Status Listener::Bind(IoContext& io) {
  const auto& options = core_->options;
  error_code error;
  tcp::resolver resolver(io);
  auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return Fail(Code::kInvalidArgument, "cannot listen on {}: {} (give an address of this machine)", options.host,
                error.message());
  }
  tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(1024, error);
  if (error == asio::error::address_in_use) {
    return Fail(Code::kFailedPrecondition,
                "cannot listen on {}:{}: the port is taken by another process (stop it or choose another port)",
                options.host, options.port);
  }
  if (error) {
    return Fail(Code::kFailedPrecondition, "cannot listen on {}:{}: {}", options.host, options.port, error.message());
  }
  port_ = acceptor_.local_endpoint().port();
  return {};
}

// Asio asks a socket's protocol for nothing but addresses, which nobody reads here: connections of a Unix socket pass
// for those of TCP, and the options that it has not are refused without harm.
Status Listener::Adopt() {
  UniqueFd own(::fcntl(core_->options.listening, F_DUPFD_CLOEXEC, 0));
  if (!own.valid()) return FailErrno("duplicate a listening socket");
  error_code error;
  acceptor_.assign(tcp::v4(), own.get(), error);
  if (error) return Fail(Code::kInternal, "take over a listening socket: {}", error.message());
  (void)own.Release();
  return {};
}

void Listener::Accept() {
  acceptor_.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
    if (self->stopped_) return;
    self->Accepted(error, std::move(socket));
  });
}

void Listener::Accepted(error_code error, tcp::socket socket) {
  if (!error && core_->sessions.size() < core_->options.connections) {
    Tune(socket);
    HttpSession::Start(core_, std::move(socket), next_id_++);
  } else if (!error) {
    WarnOfMany();
  } else if (error != asio::error::connection_aborted) {
    // Out of descriptors, most likely: they come back as connections end.
    LogError("accept a connection: {}", error.message());
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](error_code) {
      if (!self->stopped_) self->Accept();
    });
    return;
  }
  Accept();
}

// Not for each: whoever connects without end must not fill the log.
void Listener::WarnOfMany() {
  if (core_->now - warned_ < kWarnPause) return;
  warned_ = core_->now;
  LogWarn("refuse connections: {} are open already", core_->sessions.size());
}

void Listener::Tick() {
  core_->now = std::chrono::steady_clock::now();
  core_->date = HttpDate(std::time(nullptr));
  for (auto& [id, session] : core_->sessions) session->CheckDeadline();
  tick_timer_.expires_after(tick_);
  tick_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped_) self->Tick();
  });
}

void Listener::Stop() {
  if (stopped_) return;
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  tick_timer_.cancel();
  pause_.cancel();
  core_->watch->Stop();
  // A copy: what is aborted may leave the table at once.
  auto sessions = core_->sessions;
  for (auto& [id, session] : sessions) {
    if (core_->sessions.contains(id)) session->Abort();
  }
}

class AsioHttpServer final : public HttpServer {
 public:
  explicit AsioHttpServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~AsioHttpServer() override { listener_->Stop(); }
  uint16_t port() const override { return listener_->port(); }
  void Stop() override { listener_->Stop(); }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(IoContext& io, HttpServerOptions options, HttpHandler handler) {
  auto core = std::make_shared<HttpServerCore>();
  core->options = std::move(options);
  core->handler = std::move(handler);
  auto gone = [weak = std::weak_ptr(core)](uint64_t id) {
    auto live = weak.lock();
    if (!live) return;
    auto found = live->sessions.find(id);
    if (found != live->sessions.end()) found->second->PeerGone();
  };
  BURROW_ASSIGN_OR_RETURN(core->watch, PeerWatch::Start(io, gone));
  auto listener = std::make_shared<Listener>(io, core);
  if (auto bound = listener->Open(io); !bound) {
    core->watch->Stop();
    return Forward(bound.error());
  }
  listener->Start();
  return std::unique_ptr<HttpServer>(std::make_unique<AsioHttpServer>(std::move(listener)));
}

}  // namespace burrow::net

#include "api/server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/answer.h"
#include "api/blob_endpoint.h"
#include "api/blob_faults.h"
#include "api/container_scope.h"
#include "api/upload_endpoint.h"

namespace burrow::api {
using net::HttpExchange;
using net::Task;

namespace {

constexpr uint64_t kLinkMessageLimit = 64u << 20;
constexpr std::string_view kMissing = "/burrow.v1.Blobs/Missing";

std::string_view BearerToken(const HttpExchange& exchange) {
  constexpr std::string_view kScheme = "Bearer ";
  auto header = exchange.header("Authorization");
  if (!header.starts_with(kScheme)) return {};
  return header.substr(kScheme.size());
}

Error NoToken() {
  return {Code::kUnauthenticated,
          "this server needs a valid token: set BURROW_TOKEN or run `burrowd up`, which writes the client's config"};
}

bool NamesMethod(std::string_view path) { return std::ranges::count(path, '/') == 2 && path.find('.') != path.npos; }

// Asks again only once some token was revoked.
class TokenStanding final : public Standing {
 public:
  TokenStanding(const ServerOptions& options, const HttpExchange& exchange)
      : options_(options), exchange_(exchange), seen_(options.revocations()) {}
  bool Lasts() override {
    if (std::exchange(seen_, options_.revocations()) == seen_) return true;
    return options_.authenticate(BearerToken(exchange_)).access != Access::kNone;
  }

 private:
  const ServerOptions& options_;
  const HttpExchange& exchange_;
  uint64_t seen_;
};

class ApiServer final : public Server {
 public:
  ApiServer(Gateway& gateway, ServerOptions options)
      : gateway_(gateway), options_(std::move(options)), blobs_(*options_.blobs, *options_.pool, options_.packs) {
    if (options_.uploads) uploads_.emplace(*options_.uploads, *options_.pool);
    blobs_.Register(gateway_);
  }
  ~ApiServer() override { Stop(); }

  Status Listen(net::IoContext& io) {
    if (options_.http.file_pool == nullptr) options_.http.file_pool = options_.pool;
    auto server =
        net::HttpServer::Listen(io, options_.http, [this](HttpExchange& exchange) { return Route(exchange); });
    if (!server) return Forward(std::move(server.error()));
    http_ = std::move(*server);
    return {};
  }

  uint16_t port() const override { return http_->port(); }
  void Stop() override {
    if (http_) http_->Stop();
  }

 private:
  Task<void> Route(HttpExchange& exchange);
  Task<void> ServeHealth(HttpExchange& exchange);
  Task<void> ServeLink(HttpExchange& exchange);
  // Whoever asks, where it may ask for this.
  Result<Caller> CallerOf(const HttpExchange& exchange, bool for_workers) const;
  Result<Caller> CallerIn(const HttpExchange& exchange, std::string_view container) const;
  Task<void> Authorized(HttpExchange& exchange, bool for_workers);

  Gateway& gateway_;
  ServerOptions options_;
  BlobEndpoint blobs_;
  std::optional<UploadEndpoint> uploads_;
  std::unique_ptr<net::HttpServer> http_;
};

Task<void> ApiServer::Route(HttpExchange& exchange) {
  auto path = exchange.path();
  if (path == "/health") {
    co_await ServeHealth(exchange);
  } else if (path == "/link") {
    co_await ServeLink(exchange);
  } else if (path.starts_with(BlobEndpoint::kPrefix) || path == kMissing) {
    co_await Authorized(exchange, true);
  } else if (NamesMethod(path) || (uploads_ && path == UploadEndpoint::kPath)) {
    co_await Authorized(exchange, false);
  } else {
    co_await RespondError(exchange, Error(Code::kNotFound, fmt::format("there is nothing at {}", path)));
  }
}

Task<void> ApiServer::ServeHealth(HttpExchange& exchange) {
  if (exchange.method() == "GET" || exchange.method() == "HEAD") {
    co_await exchange.Respond(200, "application/json",
                              fmt::format(R"({{"status":"ok","version":"{}"}})", BURROW_VERSION));
  } else {
    exchange.AddHeader("Allow", "GET, HEAD");
    co_await RespondError(exchange, Error(Code::kUnimplemented, "ask for /health by GET"), 405);
  }
}

Task<void> ApiServer::ServeLink(HttpExchange& exchange) {
  auto access = options_.authenticate(BearerToken(exchange)).access;
  if (access == Access::kNone) {
    co_await RespondError(exchange, Error(Code::kUnauthenticated, "this worker's join token is not valid here"));
  } else if (access != Access::kWorker || !exchange.header(kContainerHeader).empty()) {
    co_await RespondError(exchange,
                          Error(Code::kPermissionDenied, "the link is for workers: use a worker's join token"));
  } else {
    TokenStanding standing(options_, exchange);
    auto socket = co_await exchange.UpgradeToWebSocket(kLinkMessageLimit);
    if (socket) co_await options_.on_link(std::move(*socket), standing);
  }
}

Result<Caller> ApiServer::CallerIn(const HttpExchange& exchange, std::string_view container) const {
  auto workspace = options_.workspace_of_container ? options_.workspace_of_container(container) : std::nullopt;
  if (!workspace) {
    return Fail(Code::kUnauthenticated, "there is no container {} here: it has ended, or another server has it",
                container.substr(0, 64));
  }
  if (ContainersMay(exchange.path())) return Caller{Access::kCaller, std::move(*workspace), std::string(container)};
  return Fail(Code::kPermissionDenied,
              "functions in containers may call functions and use volumes, but not ask for {}: do that outside, with a "
              "client's "
              "token",
              exchange.path().substr(0, 128));
}

Result<Caller> ApiServer::CallerOf(const HttpExchange& exchange, bool for_workers) const {
  auto caller = options_.authenticate(BearerToken(exchange));
  if (caller.access == Access::kNone) return Forward(NoToken());
  const bool is_worker = caller.access == Access::kWorker;
  const auto container = exchange.header(kContainerHeader);
  if (is_worker && !container.empty()) return CallerIn(exchange, container);
  if (is_worker && !for_workers)
    return Fail(Code::kPermissionDenied, "a worker's token calls no methods: use a client's token");
  if (!is_worker) BURROW_RETURN_IF_ERROR(CheckScope(caller.access, exchange.path()));
  return caller;
}

Task<void> ApiServer::Authorized(HttpExchange& exchange, bool for_workers) {
  const auto caller = CallerOf(exchange, for_workers);
  if (!caller) {
    if (caller.error().code() == Code::kUnauthenticated) exchange.AddHeader("WWW-Authenticate", "Bearer");
    co_await RespondError(exchange, caller.error());
  } else if (for_workers && co_await AnsweredByFault(exchange)) {
    co_return;
  } else if (exchange.path().starts_with(BlobEndpoint::kPrefix)) {
    co_await blobs_.Handle(exchange);
  } else if (exchange.path() == UploadEndpoint::kPath) {
    co_await uploads_->Handle(exchange);
  } else {
    TokenStanding standing(options_, exchange);
    co_await gateway_.Handle(exchange, *caller, standing);
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(net::IoContext& io, Gateway& gateway, ServerOptions options) {
  auto server = std::make_unique<ApiServer>(gateway, std::move(options));
  BURROW_RETURN_IF_ERROR(server->Listen(io));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace burrow::api

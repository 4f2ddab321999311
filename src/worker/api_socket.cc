#include "worker/api_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "os/fs.h"
#include "os/unix_socket.h"

namespace burrow::worker {
namespace {

constexpr int kApiBacklog = 128;
constexpr std::chrono::seconds kMethodBodyDeadline{60};
constexpr std::string_view kBlobs = "/blobs/";
constexpr const char* kContainerHeader = "Burrow-Container";  // see api/container_scope.h

// What of a client's head control must know.
constexpr std::string_view kPassedHeaders[] = {"Content-Type",
                                               "Connect-Protocol-Version",
                                               "Connect-Timeout-Ms",
                                               "Content-Encoding",
                                               "Connect-Content-Encoding",
                                               "Range",
                                               "If-Range",
                                               "If-None-Match"};

int StatusOf(Code code) {
  switch (code) {
    case Code::kPermissionDenied:
      return 403;
    case Code::kOutOfRange:
      return 413;
    case Code::kInvalidArgument:
      return 400;
    default:
      return 503;
  }
}

net::Task<void> Refuse(net::HttpExchange& exchange, Code code, std::string_view sentence) {
  const nlohmann::json body = {{"code", CodeName(code)}, {"message", sentence}};
  (void)co_await exchange.Respond(StatusOf(code), "application/json",
                                  body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Methods of the API and blobs, as their clients write them: no query, nothing that a path would not hold.
bool IsOfApi(const net::HttpExchange& exchange) {
  const auto method = exchange.method(), path = exchange.path();
  const bool plain = std::ranges::all_of(path, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!plain || path.size() > 256 || !exchange.query().empty()) return false;
  if (path.starts_with("/burrow.v1.")) return method == "POST";
  return path.starts_with(kBlobs) && (method == "GET" || method == "HEAD" || method == "PUT");
}

}  // namespace

ApiDoor::ApiDoor(ApiDoorOptions options)
    : options_(std::move(options)), relay_({.host = options_.control_host, .port = options_.control_port}) {}

net::HttpRelayRequest ApiDoor::RequestOf(std::string_view path, const std::string& container_id) const {
  net::HttpRelayRequest request;
  request.headers.assign(std::begin(kPassedHeaders), std::end(kPassedHeaders));
  request.added = {{"Authorization", "Bearer " + options_.token}, {kContainerHeader, container_id}};
  const bool is_blob = path.starts_with(kBlobs);
  request.body_limit = is_blob ? options_.blob_bytes : options_.method_bytes;
  if (!is_blob) request.body_deadline = kMethodBodyDeadline;
  // The container runs, so a control that does not know it has not heard of it yet: it was started anew.
  request.withholds = [](int status) { return status == 401; };
  return request;
}

net::Task<void> ApiDoor::Serve(net::HttpExchange& exchange, const std::string& container_id) {
  if (!IsOfApi(exchange)) {
    co_await Refuse(exchange, Code::kPermissionDenied, "this socket is for calls of functions, and nothing else");
    co_return;
  }
  if (!options_.connected()) {
    co_await Refuse(exchange, Code::kUnavailable, "this worker has lost burrowd's control: ask again");
    co_return;
  }
  const Status passed = co_await relay_.Forward(exchange, RequestOf(exchange.path(), container_id));
  if (passed) co_return;
  switch (passed.error().code()) {
    case Code::kUnavailable:
    case Code::kUnauthenticated:
    case Code::kResourceExhausted:
      co_await Refuse(exchange, Code::kUnavailable, "control cannot be asked just now: ask again");
      break;
    case Code::kOutOfRange:
    case Code::kInvalidArgument:
      co_await Refuse(exchange, passed.error().code(), passed.error().message());
      break;
    default:
      break;  // the client has left, or its answer broke off: the connection ends
  }
}

Result<ApiListener> ApiListener::Open(const std::string& directory, const std::string& container_id) {
  BURROW_ASSIGN_OR_RETURN(auto opened, os::Open(directory, O_PATH | O_DIRECTORY));
  ApiListener listener;
  BURROW_ASSIGN_OR_RETURN(listener.fd_, os::ListenUnix(opened.get(), container_id, kApiBacklog));
  listener.path_ = directory + "/" + container_id;
  if (::fchmodat(opened.get(), container_id.c_str(), 0666, 0) != 0)
    return FailErrno("open a container's socket for its users");
  return listener;
}

ApiListener::~ApiListener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<std::unique_ptr<ApiSocket>> ApiSocket::Serve(net::IoContext& io, ApiListener listener,
                                                    std::shared_ptr<ApiDoor> door, std::string container_id) {
  net::HttpServerOptions options;
  options.listening = listener.fd();
  options.connections = door->options().connections;
  BURROW_ASSIGN_OR_RETURN(
      auto server, net::HttpServer::Listen(io, options,
                                           [door = std::move(door), id = std::move(container_id)](
                                               net::HttpExchange& exchange) { return door->Serve(exchange, id); }));
  return std::unique_ptr<ApiSocket>(new ApiSocket(std::move(listener), std::move(server)));
}

ApiSocket::~ApiSocket() { server_->Stop(); }

}  // namespace burrow::worker

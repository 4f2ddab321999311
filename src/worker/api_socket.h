// The socket by which the functions of a container call others: the API, as far as containers may use it, over HTTP.
// The worker speaks to control in their place, so that no container needs a network or sees a token. Everything runs on
// the IoContext's one thread, but for what is said to block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "net/http_relay.h"
#include "net/http_server.h"
#include "net/task.h"

namespace burrow::worker {

// Where a container finds the socket; the variable that says so.
inline constexpr const char* kApiSocketTarget = "/burrow/api.sock";
inline constexpr const char* kApiSocketVariable = "BURROW_API_SOCKET";

struct ApiDoorOptions {
  std::string control_host;
  uint16_t control_port = 0;
  std::string token;                 // of this worker
  std::function<bool()> connected;   // whether control knows this worker's containers
  size_t connections = 256;          // of one container, at once
  uint64_t body_bytes = 256u << 20;  // of one request: a payload
};

// What the containers of a worker share on the way to control.
class ApiDoor {
 public:
  explicit ApiDoor(ApiDoorOptions options);

  // Answers one request of a container: by control's answer, or by kUnavailable while control is away, which clients
  // take for a reason to ask again. Refuses what is no request of the API at all.
  net::Task<void> Serve(net::HttpExchange& exchange, const std::string& container_id);

  const ApiDoorOptions& options() const { return options_; }

 private:
  net::HttpRelayRequest RequestOf(const std::string& container_id) const;

  const ApiDoorOptions options_;
  net::HttpRelay relay_;
};

// One container's socket: opened before its start, served until it is closed.
class ApiSocket {
 public:
  static constexpr const char* kName = "api.sock";
  // Listens in the container's directory; anybody in the container may connect. Blocks.
  static Result<UniqueFd> Open(const std::string& directory);

  // Serves what connects; the descriptor stays the caller's. Requests that run hold the door.
  static Result<std::unique_ptr<ApiSocket>> Serve(net::IoContext& io, int listening, std::shared_ptr<ApiDoor> door,
                                                  std::string container_id);
  // Ends every request.
  ~ApiSocket();

 private:
  explicit ApiSocket(std::unique_ptr<net::HttpServer> server) : server_(std::move(server)) {}
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace burrow::worker

// The socket by which the functions of a container call others: the API, as far as containers may use it, over HTTP.
// The worker speaks to control in their place, so that no container needs a network or sees a token. Everything runs on
// the IoContext's one thread, but for what is said to block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "net/http_relay.h"
#include "net/http_server.h"
#include "net/task.h"

namespace burrow::worker {

// Where a container finds the socket; the variable that says so.
inline constexpr const char* kApiSocketTarget = "/burrow/api.sock";
inline constexpr const char* kApiSocketVariable = "BURROW_API_SOCKET";

struct ApiDoorOptions {
  std::string directory;  // exists; of the sockets
  std::string control_host;
  uint16_t control_port = 0;
  std::string token;                 // of this worker
  std::function<bool()> connected;   // whether control knows this worker's containers
  size_t connections = 256;          // of one container, at once
  uint64_t blob_bytes = 2ull << 30;  // of one request with a blob: a payload
  uint64_t method_bytes = 4u << 20;  // of one that calls a method, which control holds in memory
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
  net::HttpRelayRequest RequestOf(std::string_view path, const std::string& container_id) const;

  const ApiDoorOptions options_;
  net::HttpRelay relay_;
};

// A socket that listens, and its file, which goes with it.
class ApiListener {
 public:
  // Named after the container; anybody in that may connect. Blocks. Any thread.
  static Result<ApiListener> Open(const std::string& directory, const std::string& container_id);

  ApiListener() = default;  // none
  ApiListener(ApiListener&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, std::string())) {}
  ApiListener& operator=(ApiListener&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~ApiListener();

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  UniqueFd fd_;
  std::string path_;
};

// One container's socket: opened before its start, served until it is destroyed.
class ApiSocket {
 public:
  // Serves what connects. Requests that run hold the door.
  static Result<std::unique_ptr<ApiSocket>> Serve(net::IoContext& io, ApiListener listener,
                                                  std::shared_ptr<ApiDoor> door, std::string container_id);
  // Ends every request.
  ~ApiSocket();

 private:
  ApiSocket(ApiListener listener, std::unique_ptr<net::HttpServer> server)
      : listener_(std::move(listener)), server_(std::move(server)) {}
  ApiListener listener_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace burrow::worker

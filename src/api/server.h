// Everything burrowd answers over HTTP: GET /health (no token), POST /<service>/<method>, /blobs/<digest>, POST
// /uploads, GET /link.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/gateway.h"
#include "api/pack_cache.h"
#include "api/token_scope.h"
#include "api/upload_endpoint.h"
#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/http_server.h"
#include "net/task.h"
#include "net/websocket.h"

namespace burrow::api {

struct ServerOptions {
  net::HttpServerOptions http;
  std::function<Caller(std::string_view token)> authenticate;  // constant time in the token's bytes
  // Of the app of the container that runs, or starts, or stops; nothing where there is none. Absent: there are none.
  std::function<std::optional<std::string>(std::string_view container_id)> workspace_of_container;
  cas::BlobStore* blobs = nullptr;    // not owned
  PackCache* packs = nullptr;         // not owned; absent: each pack of blobs is made anew
  const Uploads* uploads = nullptr;   // not owned; absent: none are taken
  net::BlockingPool* pool = nullptr;  // not owned; large or cold blob reads and all writes run there
  // A worker has dialled in; the standing outlives the task.
  std::function<net::Task<void>(std::unique_ptr<net::WebSocket>, Standing&)> on_link;
  std::function<uint64_t()> revocations;  // of tokens, so far: grows when `authenticate` no longer knows one
};

// Clients may use methods and blobs as their role allows, workers the link and blobs (burrow.v1.Blobs/Missing too). A
// worker that names a container by kContainerHeader asks for that, in the workspace of its app, and may what
// container_scope.h says and nothing else. Registers burrow.v1.Blobs/Missing on the gateway by itself. Every other
// option is needed. After Stop requests unwind in later turns of the loop: destroy the Server, the gateway and what the
// options refer to only when the loop has run dry, or is gone.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(net::IoContext& io, Gateway& gateway, ServerOptions options);
  virtual ~Server() = default;
  virtual uint16_t port() const = 0;
  virtual void Stop() = 0;
};

}  // namespace burrow::api

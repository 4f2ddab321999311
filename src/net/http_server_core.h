// What the connections of one server share. On its IoContext's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "net/http_server.h"
#include "net/peer_watch.h"

namespace burrow::net {

class HttpSession;

struct HttpServerCore {
  HttpServerOptions options;
  HttpHandler handler;
  std::shared_ptr<PeerWatch> watch;
  std::unordered_map<uint64_t, HttpSession*> sessions;  // each leaves by itself
  SteadyTime now;    // advanced by the server's tick: deadlines need no clock call per request
  std::string date;  // likewise
};

}  // namespace burrow::net

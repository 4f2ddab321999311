// One accepted connection: reads requests one after another, runs the handler, sends the answers. On its IoContext's
// thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>

#include "net/http_server_core.h"

namespace burrow::net {

class HttpSession {
 public:
  // Starts serving; the session owns itself until the connection ends.
  static void Start(std::shared_ptr<HttpServerCore> core, boost::asio::ip::tcp::socket socket, uint64_t id);
  virtual ~HttpSession() = default;
  virtual void PeerGone() = 0;
  virtual void CheckDeadline() = 0;  // at each tick
  virtual void Abort() = 0;          // cancels whatever it does and closes
};

}  // namespace burrow::net

// Tells at once when the far end of a connection shuts down or resets, whatever is being read or written meanwhile: an
// epoll set of its own that asks for EPOLLRDHUP alone, so that watching costs a request nothing. Lives on its
// IoContext's thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "net/task.h"

namespace burrow::net {

class PeerWatch : public std::enable_shared_from_this<PeerWatch> {
 public:
  // `on_gone` gets the id of a connection whose peer has left, once.
  static Result<std::shared_ptr<PeerWatch>> Start(IoContext& io, std::function<void(uint64_t id)> on_gone);
  Status Add(int fd, uint64_t id);
  void Remove(int fd);  // before the descriptor is closed
  void Stop();

 private:
  PeerWatch(IoContext& io, int epoll_fd, std::function<void(uint64_t)> on_gone);
  void Await();
  void Collect();

  boost::asio::posix::stream_descriptor epoll_;
  std::function<void(uint64_t)> on_gone_;
};

}  // namespace burrow::net

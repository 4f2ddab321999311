// The socket of an accepted connection, with the deadline of what it waits for and whether another request may follow
// on it. On its IoContext's thread.
#pragma once

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "net/http_server_core.h"
#include "net/task.h"

namespace burrow::net {

inline iovec Part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

class HttpConnection {
 public:
  HttpConnection(std::shared_ptr<HttpServerCore> core, boost::asio::ip::tcp::socket socket)
      : core_(std::move(core)), socket_(std::move(socket)) {}

  HttpServerCore& core() { return *core_; }
  boost::asio::ip::tcp::socket& socket() { return socket_; }

  void ExpireIn(std::chrono::milliseconds from_now) { deadline_ = core_->now + from_now; }
  void ExpireAt(SteadyTime time) { deadline_ = time; }
  void NeverExpire() { deadline_ = SteadyTime::max(); }
  void CheckDeadline();                      // cancels the pending operation when its time is over
  bool expired() const { return expired_; }  // a deadline has passed

  bool reusable() const { return reusable_; }
  void SetReusable(bool reusable) { reusable_ = reusable; }

  // Writes everything; changes `parts`. kDeadlineExceeded when the client takes nothing for the server's stall timeout,
  // kCancelled when it has gone; the connection is then not reusable.
  Task<Status> Write(std::span<iovec> parts);
  // The same for a part of a file; kDataLoss when the file ends before.
  Task<Status> SendFile(UniqueFd file, uint64_t offset, uint64_t length);
  // Writes although a deadline has passed.
  Task<Status> WriteLate(std::span<iovec> parts);

 private:
  Task<Status> WaitWritable();

  std::shared_ptr<HttpServerCore> core_;
  boost::asio::ip::tcp::socket socket_;
  SteadyTime deadline_ = SteadyTime::max();
  bool expired_ = false;
  bool reusable_ = false;
};

}  // namespace burrow::net

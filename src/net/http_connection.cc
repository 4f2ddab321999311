#include "net/http_connection.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace burrow::net {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr uint64_t kFilePiece = 1u << 20;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What is left of `parts` after their first `bytes`.
std::span<iovec> Without(std::span<iovec> parts, size_t bytes) {
  while (bytes > 0) {
    auto& first = parts.front();
    size_t taken = std::min(bytes, first.iov_len);
    first.iov_base = static_cast<char*>(first.iov_base) + taken;
    first.iov_len -= taken;
    bytes -= taken;
    if (first.iov_len == 0) parts = parts.subspan(1);
  }
  return parts;
}

// Keeps SIGPIPE from this thread while it lives: sendfile has no flag like MSG_NOSIGNAL, and a client that leaves must
// not end the process.
class SigpipeHeld {
 public:
  SigpipeHeld() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  ~SigpipeHeld() {
    if (sigismember(&before_, SIGPIPE)) return;
    int error = errno;
    timespec no_wait{};
    ::sigtimedwait(&sigpipe_, nullptr, &no_wait);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }

 private:
  sigset_t sigpipe_{}, before_{};
};

}  // namespace

void HttpConnection::CheckDeadline() {
  if (core_->now < deadline_) return;
  NeverExpire();
  expired_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<Status> HttpConnection::WaitWritable() {
  ExpireIn(core_->options.stall_timeout);
  auto [error] = co_await socket_.async_wait(tcp::socket::wait_write, kAwait);
  NeverExpire();
  if (!error) co_return Status();
  reusable_ = false;
  if (expired_) co_return Fail(Code::kDeadlineExceeded, "the client takes nothing of the answer");
  co_return Fail(Code::kCancelled, "the client has gone");
}

// Writes at once what the socket takes, which for small answers is everything, and waits only for the rest.
Task<Status> HttpConnection::Write(std::span<iovec> parts) {
  for (;;) {
    while (!parts.empty() && parts.front().iov_len == 0) parts = parts.subspan(1);
    if (parts.empty()) co_return Status();
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) {
      reusable_ = false;
      co_return Fail(Code::kCancelled, "the client has gone");
    }
    if (sent > 0) parts = Without(parts, static_cast<size_t>(sent));
    if (parts.empty()) co_return Status();
    BURROW_CO_RETURN_IF_ERROR(co_await WaitWritable());
  }
}

// By pieces that never block on the socket; the pool's thread, if there is one, takes the waiting for the disk.
Task<Status> HttpConnection::SendFile(UniqueFd file, uint64_t offset, uint64_t length) {
  struct Descriptors {
    UniqueFd file, socket;
  };
  auto fds = std::make_shared<Descriptors>();
  fds->file = std::move(file);
  fds->socket = UniqueFd(::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0));
  if (!fds->socket.valid()) co_return FailErrno("duplicate a connection's descriptor");
  while (length > 0) {
    auto piece = [fds, offset, size = std::min(length, kFilePiece)]() -> std::pair<ssize_t, int> {
      auto position = static_cast<off_t>(offset);
      SigpipeHeld held;
      ssize_t sent = ::sendfile(fds->socket.get(), fds->file.get(), &position, size);
      int os_errno = errno;
      return {sent, os_errno};
    };
    std::pair<ssize_t, int> outcome;
    if (core_->options.file_pool != nullptr) {
      outcome = co_await RunBlocking(*core_->options.file_pool, std::move(piece));
    } else {
      outcome = piece();
      co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    }
    auto [sent, os_errno] = outcome;
    if (sent == 0) co_return Fail(Code::kDataLoss, "the file ends {} bytes too early", length);
    if (sent < 0 && os_errno == EAGAIN) {
      BURROW_CO_RETURN_IF_ERROR(co_await WaitWritable());
    } else if (sent < 0 && os_errno != EINTR) {
      bool gone = os_errno == EPIPE || os_errno == ECONNRESET;
      if (gone) co_return Fail(Code::kCancelled, "the client has gone");
      co_return FailErrno("send a file", os_errno);
    } else if (sent > 0) {
      offset += static_cast<uint64_t>(sent);
      length -= static_cast<uint64_t>(sent);
    }
  }
  co_return Status();
}

Task<Status> HttpConnection::WriteLate(std::span<iovec> parts) {
  expired_ = false;
  return Write(parts);
}

}  // namespace burrow::net

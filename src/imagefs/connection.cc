#include "imagefs/connection.h"

#include <sys/uio.h>

#include "base/log.h"
#include "imagefs/fuse_abi.h"

namespace burrow::imagefs {

Result<std::string_view> Connection::Receive(std::span<char> buffer) {
  for (;;) {
    ssize_t n = ::read(device_.get(), buffer.data(), buffer.size());
    if (n >= 0) return std::string_view(buffer.data(), static_cast<size_t>(n));
    if (errno == ENODEV) return Fail(Code::kCancelled, "the filesystem was unmounted");
    // ENOENT: the request was withdrawn while it was being read.
    if (errno != EINTR && errno != EAGAIN && errno != ENOENT) return FailErrno("read a filesystem request");
  }
}

void Connection::Reply(uint64_t unique, std::string_view payload) {
  abi::OutHeader header{.len = static_cast<uint32_t>(sizeof header + payload.size()), .error = 0, .unique = unique};
  iovec parts[2] = {{&header, sizeof header}, {const_cast<char*>(payload.data()), payload.size()}};
  if (::writev(device_.get(), parts, payload.empty() ? 1 : 2) < 0 && errno != ENOENT && errno != ENODEV) {
    LogWarn("the kernel refuses a reply of {} bytes: {}", payload.size(), FailErrno("write").error().message());
  }
}

void Connection::ReplyError(uint64_t unique, int os_errno) {
  if (os_errno == EIO) failures_->fetch_add(1, std::memory_order_relaxed);
  abi::OutHeader header{.len = sizeof header, .error = -os_errno, .unique = unique};
  if (::write(device_.get(), &header, sizeof header) < 0 && errno != ENOENT && errno != ENODEV) {
    LogWarn("the kernel refuses an error reply: {}", FailErrno("write").error().message());
  }
}

}  // namespace burrow::imagefs

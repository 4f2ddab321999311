// The server's end of one mounted FUSE filesystem: requests in, replies out. Any number of threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::imagefs {

inline constexpr size_t kMaxReadBytes = 1u << 20;  // the largest READ that is agreed on

class Connection {
 public:
  // Takes a /dev/fuse descriptor whose INIT was answered. `failures` counts answers of EIO and is not owned.
  Connection(UniqueFd device, std::atomic<uint64_t>* failures) : device_(std::move(device)), failures_(failures) {}

  // Waits for a request and returns its bytes, in `buffer`; kCancelled when the filesystem is unmounted.
  Result<std::string_view> Receive(std::span<char> buffer);
  // A reply to a request that the kernel has given up meanwhile, or that was answered already, is dropped.
  void Reply(uint64_t unique, std::string_view payload);
  void ReplyError(uint64_t unique, int os_errno);  // positive

 private:
  UniqueFd device_;
  std::atomic<uint64_t>* failures_;
};

}  // namespace burrow::imagefs

#include "builder/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace burrow::builder {
namespace {

// True while the pipe is open.
bool ReadAvailable(int output, OutputTail& tail) {
  std::array<char, 65536> buffer;
  while (true) {
    ssize_t bytes = ::read(output, buffer.data(), buffer.size());
    if (bytes > 0) {
      tail.Feed({buffer.data(), static_cast<size_t>(bytes)});
      return true;
    }
    if (bytes < 0 && errno == EINTR) continue;
    return bytes < 0 && errno == EAGAIN;
  }
}

int MillisUntil(std::chrono::steady_clock::time_point deadline) {
  auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

}  // namespace

Status WatchUntilExit(int pidfd, int output, OutputTail& tail, const Cancellation& cancellation,
                      std::chrono::steady_clock::time_point deadline) {
  ::fcntl(output, F_SETFL, O_NONBLOCK);
  std::array<pollfd, 3> wait = {pollfd{.fd = cancellation.fd(), .events = POLLIN},
                                pollfd{.fd = output, .events = POLLIN}, pollfd{.fd = pidfd, .events = POLLIN}};
  while (true) {
    int ready = ::poll(wait.data(), wait.size(), MillisUntil(deadline));
    if (ready < 0 && errno != EINTR) return FailErrno("wait for a command");
    if (ready < 0) continue;
    if (wait[0].revents) return Fail(Code::kCancelled, "the build was cancelled");
    if (wait[1].revents && !ReadAvailable(output, tail)) wait[1].fd = -1;
    if (wait[1].revents == 0 && wait[2].revents) {
      tail.Finish();
      return {};
    }
    if (std::chrono::steady_clock::now() >= deadline)
      return Fail(Code::kDeadlineExceeded, "the step took longer than it may");
  }
}

}  // namespace burrow::builder

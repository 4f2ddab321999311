#include "builder/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace burrow::builder {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kCheckInterval{250};

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

int MillisUntil(Clock::time_point deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

}  // namespace

Status WatchUntilExit(const Watched& watched, OutputTail& tail, const Cancellation& cancellation) {
  ::fcntl(watched.output, F_SETFL, O_NONBLOCK);
  std::array<pollfd, 3> wait = {pollfd{.fd = cancellation.fd(), .events = POLLIN},
                                pollfd{.fd = watched.output, .events = POLLIN},
                                pollfd{.fd = watched.pidfd, .events = POLLIN}};
  auto next_check = watched.check ? Clock::now() : Clock::time_point::max();
  while (true) {
    int ready = ::poll(wait.data(), wait.size(), MillisUntil(std::min(next_check, watched.deadline)));
    if (ready < 0 && errno != EINTR) return FailErrno("wait for a command");
    if (ready < 0) continue;
    if (wait[0].revents) return Fail(Code::kCancelled, "the build was cancelled");
    if (wait[1].revents && !ReadAvailable(watched.output, tail)) wait[1].fd = -1;
    if (wait[1].revents == 0 && wait[2].revents) {
      tail.Finish();
      return {};
    }
    const auto now = Clock::now();
    if (now >= watched.deadline) return Fail(Code::kDeadlineExceeded, "the step took longer than it may");
    if (now < next_check) continue;
    BURROW_RETURN_IF_ERROR(watched.check());
    next_check = Clock::now() + kCheckInterval;
  }
}

}  // namespace burrow::builder

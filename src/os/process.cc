#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

namespace burrow::os {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kOutputLimit = 1u << 20;
constexpr milliseconds kLongest{INT_MAX};

Clock::time_point DeadlineAfter(milliseconds wait) {
  return Clock::now() + std::clamp(wait, milliseconds(0), kLongest);
}

int MillisecondsUntil(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, milliseconds(0), kLongest).count());
}

// poll() that goes on after signals. 0: the deadline passed.
int PollUntil(pollfd* fds, nfds_t count, Clock::time_point deadline) {
  for (;;) {
    const int ready = poll(fds, count, MillisecondsUntil(deadline));
    if (ready >= 0 || errno != EINTR) return ready;
  }
}

ExitStatus FromSiginfo(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return ExitStatus{.code = info.si_status};
  return ExitStatus{.signal = info.si_status};
}

void AppendBounded(std::string& out, const char* data, size_t size) {
  out.append(data, size);
  if (out.size() > 2 * kOutputLimit) out.erase(0, out.size() - kOutputLimit);
}

// Reads what is there now. False: end of file.
bool Drain(int fd, std::string& out) {
  std::array<char, 64u << 10> buffer;
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0) AppendBounded(out, buffer.data(), static_cast<size_t>(count));
    if (count == 0) return false;
    if (count < 0 && errno != EINTR) return errno == EAGAIN;
  }
}

// Until the process has ended (true) or the deadline has passed. A grandchild that keeps the pipe open does not count.
bool ReadToEnd(const Process& process, int pipe, Clock::time_point deadline, std::string& out) {
  std::array<pollfd, 2> fds = {pollfd{process.pidfd(), POLLIN, 0}, pollfd{pipe, POLLIN, 0}};
  for (;;) {
    const int ready = PollUntil(fds.data(), fds.size(), deadline);
    if (fds[1].revents != 0 && !Drain(pipe, out)) fds[1].fd = -1;
    if (fds[0].revents != 0) {
      if (fds[1].fd >= 0) Drain(pipe, out);
      return true;
    }
    if (ready <= 0 || MillisecondsUntil(deadline) == 0) return false;
  }
}

}  // namespace

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Process::~Process() {
  if (!running()) return;
  (void)Signal(SIGKILL);
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

Status Process::Signal(int signal) {
  if (!running()) return Fail(Code::kNotFound, "the process has ended");
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return Fail(Code::kNotFound, "the process has ended");
  return FailErrno(fmt::format("signal process {}", pid_));
}

Result<ExitStatus> Process::Wait(milliseconds deadline) {
  if (!running()) return Fail(Code::kFailedPrecondition, "the process has been reaped already");
  pollfd fd{pidfd_.get(), POLLIN, 0};
  const int ready = PollUntil(&fd, 1, DeadlineAfter(deadline));
  if (ready < 0) return FailErrno("poll a process");
  if (ready == 0) return Fail(Code::kDeadlineExceeded, "process {} still runs after {} ms", pid_, deadline.count());
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) return FailErrno("waitid");
  pid_ = -1;
  return FromSiginfo(info);
}

Result<ExitStatus> Process::Stop(milliseconds grace) {
  (void)Signal(SIGTERM);
  auto status = Wait(grace);
  if (status || status.error().code() != Code::kDeadlineExceeded) return status;
  (void)Signal(SIGKILL);
  return Wait(kLongest);
}

Result<Output> Run(SpawnOptions options, milliseconds deadline) {
  const auto end = DeadlineAfter(deadline);
  BURROW_ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  if (fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return FailErrno("fcntl");
  options.fds.emplace_back(pipe.write.get(), 1);
  options.fds.emplace_back(pipe.write.get(), 2);
  options.new_session = true;
  BURROW_ASSIGN_OR_RETURN(Process process, Spawn(options));
  pipe.write.Reset();

  Output output;
  if (!ReadToEnd(process, pipe.read.get(), end, output.out)) {
    kill(-process.pid(), SIGKILL);  // the leader is not reaped yet, so the group is still its own
    return Fail(Code::kDeadlineExceeded, "{} did not finish within {} ms and was killed", options.argv[0],
                deadline.count());
  }
  if (output.out.size() > kOutputLimit) output.out.erase(0, output.out.size() - kOutputLimit);
  BURROW_ASSIGN_OR_RETURN(output.status, process.Wait(kLongest));
  return output;
}

Result<Pipe> MakePipe() {
  std::array<int, 2> fds;
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return FailErrno("pipe");
  return Pipe{.read = UniqueFd(fds[0]), .write = UniqueFd(fds[1])};
}

}  // namespace burrow::os

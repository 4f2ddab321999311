#include "imagefs/child.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"

namespace burrow::imagefs {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kReadyDeadline{60'000};
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kStable{10'000};  // a process that served so long starts again without a pause
constexpr milliseconds kStopGrace{2'000};
constexpr milliseconds kNoDeadline{-1};
constexpr int kFirstChildFd = 3;

}  // namespace

Child::Child(ChildOptions options) : options_(std::move(options)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::jthread([this] { Run(); });
}

Child::~Child() {
  uint64_t one = 1;
  while (::write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

Status Child::WaitUntilServing(milliseconds deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, deadline, [&] { return attempted_; })) {
    return Fail(Code::kDeadlineExceeded, "imagefs did not begin to serve within {} ms", deadline.count());
  }
  return last_;
}

void Child::Kill() {
  int pid = pid_.load();
  if (pid > 0) ::kill(pid, SIGKILL);
}

bool Child::WaitFor(int fd, milliseconds deadline) {
  pollfd waiting[2] = {{.fd = stop_.get(), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  auto end = steady_clock::now() + deadline;
  for (;;) {
    auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now()).count();
    int timeout = deadline == kNoDeadline ? -1 : static_cast<int>(std::max<int64_t>(0, left));
    int ready = ::poll(waiting, 2, timeout);
    if (ready >= 0 || errno != EINTR) return waiting[0].revents != 0;
  }
}

void Child::Publish(Status status, int pid) {
  pid_ = pid;
  std::lock_guard lock(mutex_);
  attempted_ = true;
  last_ = std::move(status);
  changed_.notify_all();
}

// Starts a process and waits until it serves.
Result<os::Process> Child::StartProcess(bool resume) {
  BURROW_ASSIGN_OR_RETURN(os::Pipe ready, os::MakePipe());
  os::SpawnOptions spawn{.argv = {options_.burrowd, "imagefs", "--config-fd", std::to_string(kFirstChildFd)},
                         .parent_death_signal = SIGKILL};
  Config config = options_.config;
  int next = kFirstChildFd + 1;
  auto inherit = [&](int ours) {
    spawn.fds.emplace_back(ours, next);
    return next++;
  };
  for (ConnectionConfig& connection : config.connections) {
    connection.fd = inherit(connection.fd);
    connection.slots_fd = inherit(connection.slots_fd);
  }
  for (int* shared : {&config.signals_fd, &config.accesses_fd}) {
    if (*shared >= 0) *shared = inherit(*shared);
  }
  config.ready_fd = inherit(ready.write.get());
  config.resume = resume;
  BURROW_ASSIGN_OR_RETURN(UniqueFd config_fd, WriteConfig(config));
  spawn.fds.emplace_back(config_fd.get(), kFirstChildFd);
  spawn.fds.emplace_back(STDERR_FILENO, STDERR_FILENO);
  BURROW_ASSIGN_OR_RETURN(os::Process process, os::Spawn(spawn));
  ready.write.Reset();

  if (WaitFor(ready.read.get(), kReadyDeadline)) return Fail(Code::kCancelled, "imagefs is being stopped");
  char byte;
  pollfd answer{.fd = ready.read.get(), .events = POLLIN};
  if (::poll(&answer, 1, 0) == 1 && ::read(ready.read.get(), &byte, 1) == 1) return process;
  return Fail(Code::kUnavailable, "'{} imagefs' did not begin to serve; its log says why", options_.burrowd);
}

void Child::Run() {
  const milliseconds first = std::min(kFirstPause, options_.longest_pause);
  milliseconds pause = first;
  for (bool served_before = false;;) {
    auto started = steady_clock::now();
    auto process = StartProcess(served_before);
    if (process) {
      Publish({}, process->pid());
      served_before = true;
      if (WaitFor(process->pidfd(), kNoDeadline)) {
        pid_ = -1;
        (void)process->Stop(kStopGrace);
        return;
      }
      pid_ = -1;
      auto status = process->Wait(kStopGrace);
      LogError("imagefs ended unexpectedly ({}); it is started again", status ? status->AsNumber() : 0);
    } else {
      LogError("imagefs cannot be started: {}", process.error().message());
      Publish(Forward(std::move(process.error())), -1);
    }
    if (steady_clock::now() - started > kStable) pause = first;
    if (WaitFor(-1, pause)) return;
    pause = std::min(2 * pause, options_.longest_pause);
    restarts_.fetch_add(1);
  }
}

}  // namespace burrow::imagefs

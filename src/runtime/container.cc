#include "runtime/container.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "os/fs.h"
#include "runtime/container_state.h"

namespace burrow::runtime {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kKillDeadline{5'000};
constexpr size_t kMostMessengers = 4;

}  // namespace

void Container::State::KillNow() {
  if (engine.init.valid()) syscall(SYS_pidfd_send_signal, engine.init.get(), SIGKILL, nullptr, 0);
  if (cgroup) (void)cgroup->Kill(milliseconds(0));
}

// One that repeats what is still on its way would only be late.
Status Container::State::SendByEngine(int signal) {
  std::erase_if(messengers, [](os::Process& sent) { return sent.Wait(milliseconds(0)).has_value(); });
  if (messengers.size() >= kMostMessengers) return {};
  BURROW_ASSIGN_OR_RETURN(os::Process sent, SendSignal({.root = exec_target.engine_root, .name = name}, signal));
  messengers.push_back(std::move(sent));
  return {};
}

Container::State::~State() {
  KillNow();
  if (cgroup) {
    if (Status status = cgroup->Kill(kKillDeadline); !status)
      LogWarn("container {}: {}", name, status.error().message());
  }
  messengers.clear();
  engine.process = {};
  network.reset();
  if (Status status = rootfs.Unmount(); !status) LogWarn("container {}: {}", name, status.error().message());
  if (cgroup) {
    if (Status status = cgroup->Remove(); !status) LogWarn("container {}: {}", name, status.error().message());
  }
  for (const std::string& directory : {engine_directory, small_files}) {
    if (directory.empty()) continue;
    if (Status status = os::RemoveTree(directory); !status) LogWarn("container {}: {}", name, status.error().message());
  }
}

Container::Container(std::unique_ptr<State> state) : state_(std::move(state)) {}
Container::Container(Container&&) noexcept = default;
Container& Container::operator=(Container&&) noexcept = default;
Container::~Container() = default;

int Container::pidfd() const { return state_->engine.process.pidfd(); }
const std::string& Container::upper() const { return state_->upper; }
double Container::mount_ms() const { return state_->mount_ms; }
double Container::launch_ms() const { return state_->launch_ms; }
void Container::Kill() { state_->KillNow(); }
os::CgroupUsage Container::Usage() const { return state_->cgroup->Usage(); }
ExecTarget Container::exec_target() const { return state_->exec_target; }

Status Container::Signal(int signal) {
  const int init = state_->engine.init.get();
  if (init < 0) return Fail(Code::kNotFound, "container {} has ended", state_->name);
  const bool own_kernel = state_->exec_target.engine == Engine::kRunsc;  // `init` is that kernel
  if (syscall(SYS_pidfd_send_signal, init, own_kernel ? 0 : signal, nullptr, 0) == 0)
    return own_kernel && signal != 0 ? state_->SendByEngine(signal) : Status();
  if (errno == ESRCH) return Fail(Code::kNotFound, "container {} has ended", state_->name);
  return FailErrno(fmt::format("signal container {}", state_->name));
}

// The number may be another process's by now, unless the first one still lives.
Result<UniqueFd> Container::State::OpenOfInit(const char* file) const {
  auto opened = os::Open(fmt::format("/proc/{}/{}", engine.init_pid, file), O_RDONLY);
  const int init = engine.init.get();
  if (!opened || init < 0 || syscall(SYS_pidfd_send_signal, init, 0, nullptr, 0) != 0)
    return Fail(Code::kNotFound, "container {} has ended", name);
  return opened;
}

Result<UniqueFd> Container::OpenPidNamespace() const { return state_->OpenOfInit("ns/pid"); }

Result<ContainerMounts> Container::OpenMounts() const {
  ContainerMounts mounts{.name = state_->name, .engine = state_->exec_target.engine};
  BURROW_ASSIGN_OR_RETURN(mounts.mount_namespace, state_->OpenOfInit("ns/mnt"));
  BURROW_ASSIGN_OR_RETURN(mounts.mountinfo, state_->OpenOfInit("mountinfo"));
  mounts.cgroup_procs = state_->cgroup->procs_files();
  return mounts;
}

Status Container::Adopt(pid_t process) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  if (!fd.valid()) return FailErrno(fmt::format("adopt process {}", process));
  struct stat namespace_of_it{};
  const std::string path = fmt::format("/proc/{}/ns/pid", process);
  if (stat(path.c_str(), &namespace_of_it) != 0 || namespace_of_it.st_ino != state_->joined_from)
    return Fail(Code::kFailedPrecondition, "process {} is none that may join container {}", process, state_->name);
  for (const std::string& file : state_->cgroup->procs_files()) {
    BURROW_ASSIGN_OR_RETURN(UniqueFd procs, os::Open(file, O_WRONLY));
    BURROW_RETURN_IF_ERROR(os::WriteAll(procs.get(), std::to_string(process)));
  }
  state_->engine.init = std::move(fd);
  state_->engine.init_pid = process;
  return {};
}

Result<UniqueFd> Container::OpenTerminal() const {
  if (!state_->terminal.valid()) return Fail(Code::kFailedPrecondition, "container {} has no terminal", state_->name);
  return state_->terminal.Open();
}

Status Container::ResizeTerminal(TerminalSize size) {
  if (!state_->terminal.valid()) return Fail(Code::kFailedPrecondition, "container {} has no terminal", state_->name);
  return state_->terminal.Resize(size, state_->engine.process);
}

Result<ContainerExit> Container::Wait(milliseconds deadline) {
  if (state_->exit) return *state_->exit;
  BURROW_ASSIGN_OR_RETURN(const os::ExitStatus status, state_->engine.process.Wait(deadline));
  // Nothing outlives the first process, even where the engine was what died.
  state_->KillNow();
  state_->exit =
      ContainerExit{.status = FromEngineStatus(status), .out_of_memory = state_->cgroup->Usage().oom_kills > 0};
  return *state_->exit;
}

}  // namespace burrow::runtime

// Spawn: everything that can be prepared is prepared before the clone; the child then makes plain system calls only. It
// shares the parent's memory until exec (as vfork does), so that the cost does not grow with the size of the daemon.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "os/fs.h"
#include "os/process.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BURROW_TSAN 1
#endif
#endif
#define BURROW_CHILD __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace burrow::os {
namespace {

#ifdef BURROW_TSAN
constexpr int kCloneFlags = CLONE_PIDFD | SIGCHLD;  // its runtime keeps state per process in memory
#else
constexpr int kCloneFlags = CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD;
#endif
constexpr size_t kStackSize = 64u << 10;
constexpr int kMaxChildFd = 1000;
constexpr gid_t kNobodysGroup = 65534;

enum class Step : int {
  kParent,
  kSignals,
  kSession,
  kCgroup,
  kMounts,
  kDirectory,
  kIds,
  kDescriptors,
  kTerminal,
  kExec
};
constexpr std::array<std::string_view, 10> kStepNames = {
    "follow its parent's death", "reset signals",    "make a session",   "join its cgroup",   "empty a directory",
    "enter its directory",       "change its group", "pass descriptors", "take its terminal", "execute"};

struct Failure {
  Step step;
  int os_errno;
};

// What the child needs, as plain memory. Owned by Spawn's stack frame.
struct Plan {
  const char* program = nullptr;
  std::vector<char*> argv, envp;
  const char* cwd = nullptr;
  const char* emptied = nullptr;
  std::vector<const char*> cgroup_procs;
  std::vector<std::pair<int, int>> fds;  // sorted by the child's number, 0-2 always there
  int max_fd = 2;
  int failure_fd = -1;
  bool new_session = false, controlling_terminal = false, opaque = false;
  int parent_death_signal = 0;
  pid_t parent = 0;
};

// The signal action as the kernel knows it, all zero: default.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  uint64_t mask;
};

[[noreturn]] BURROW_CHILD void Die(int fd, Step step, int os_errno) {
  Failure failure{step, os_errno};
  syscall(SYS_write, fd, &failure, sizeof failure);
  for (;;) syscall(SYS_exit_group, 127);
}

BURROW_CHILD bool ResetSignals() {
  KernelSigaction action{};
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) syscall(SYS_rt_sigaction, signal, &action, nullptr, 8);
  }
  uint64_t none = 0;
  return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8) == 0;
}

BURROW_CHILD bool JoinCgroup(const char* procs_file) {
  const long fd = syscall(SYS_openat, AT_FDCWD, procs_file, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool joined = syscall(SYS_write, fd, "0", 1) == 1;
  const int saved = errno;
  syscall(SYS_close, fd);
  errno = saved;
  return joined;
}

// Puts each descriptor at its number, the failure pipe behind the last, and closes everything else. `moved` has room
// for all.
BURROW_CHILD bool PlaceDescriptors(const Plan& plan, const std::pair<int, int>* fds, size_t count, int* moved,
                                   int* failure_fd) {
  const int base = plan.max_fd + 2;
  const long failure_high = syscall(SYS_fcntl, plan.failure_fd, F_DUPFD_CLOEXEC, base);
  if (failure_high < 0) return false;
  for (size_t i = 0; i < count; ++i) {
    moved[i] = static_cast<int>(syscall(SYS_fcntl, fds[i].first, F_DUPFD_CLOEXEC, base));
    if (moved[i] < 0) return false;
  }
  if (syscall(SYS_dup3, failure_high, base - 1, O_CLOEXEC) < 0) return false;
  *failure_fd = base - 1;
  int next = 0;
  for (size_t i = 0; i < count; ++i) {
    const int number = fds[i].second;
    if (number > next) syscall(SYS_close_range, next, number - 1, 0);
    next = number + 1;
    if (syscall(SYS_dup3, moved[i], number, 0) < 0) return false;
  }
  return syscall(SYS_close_range, base, ~0U, 0) == 0;
}

BURROW_CHILD bool EmptyDirectory(const char* directory) {
  return syscall(SYS_unshare, CLONE_NEWNS) == 0 &&
         syscall(SYS_mount, nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         syscall(SYS_mount, "tmpfs", directory, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
}

struct ChildArguments {
  const Plan* plan;
  const std::pair<int, int>* fds;
  size_t fd_count;
  const char* const* cgroup_procs;
  size_t cgroup_count;
  char* const* argv;
  char* const* envp;
  int* moved;
};

BURROW_CHILD int ChildMain(void* pointer) {
  const auto& child = *static_cast<const ChildArguments*>(pointer);
  const Plan& plan = *child.plan;
  int failure_fd = plan.failure_fd;
  if (plan.parent_death_signal != 0) {
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, plan.parent_death_signal, 0, 0, 0) != 0)
      Die(failure_fd, Step::kParent, errno);
    if (syscall(SYS_getppid) != plan.parent) Die(failure_fd, Step::kParent, ESRCH);
  }
  if (!ResetSignals()) Die(failure_fd, Step::kSignals, errno);
  if (plan.new_session && syscall(SYS_setsid) < 0) Die(failure_fd, Step::kSession, errno);
  for (size_t i = 0; i < child.cgroup_count; ++i) {
    if (!JoinCgroup(child.cgroup_procs[i])) Die(failure_fd, Step::kCgroup, errno);
  }
  if (plan.emptied != nullptr && !EmptyDirectory(plan.emptied)) Die(failure_fd, Step::kMounts, errno);
  if (plan.cwd != nullptr && syscall(SYS_chdir, plan.cwd) != 0) Die(failure_fd, Step::kDirectory, errno);
  if (plan.opaque && syscall(SYS_setresgid, kNobodysGroup, -1, -1) != 0) Die(failure_fd, Step::kIds, errno);
  if (!PlaceDescriptors(plan, child.fds, child.fd_count, child.moved, &failure_fd)) {
    Die(failure_fd, Step::kDescriptors, errno);
  }
  if (plan.controlling_terminal && syscall(SYS_ioctl, 0, TIOCSCTTY, 0) != 0) Die(failure_fd, Step::kTerminal, errno);
  syscall(SYS_execve, plan.program, child.argv, child.envp);
  Die(failure_fd, Step::kExec, errno);
}

class Stack {
 public:
  Stack()
      : memory_(mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() {
    if (valid()) munmap(memory_, kStackSize);
  }
  bool valid() const { return memory_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(memory_) + kStackSize; }

 private:
  void* memory_;
};

// No handler of the parent may run in the child while both share memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }

 private:
  sigset_t saved_;
};

Result<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* variable = getenv("PATH");  // NOLINT(concurrency-mt-unsafe): the daemon never writes its environment
  std::string_view path =
      variable != nullptr ? variable : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  while (!path.empty()) {
    const auto colon = std::min(path.find(':'), path.size());
    std::string candidate = fmt::format("{}/{}", path.substr(0, colon), name);
    if (colon > 0 && access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  return Fail(Code::kNotFound, "{} is not installed (not found in PATH)", name);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Status PlanDescriptors(const SpawnOptions& options, int null_fd, Plan& plan) {
  plan.fds = options.fds;
  for (int number = 0; number <= 2; ++number) {
    const bool named = std::ranges::any_of(options.fds, [&](const auto& pair) { return pair.second == number; });
    if (!named) plan.fds.emplace_back(null_fd, number);
  }
  std::ranges::sort(plan.fds, {}, &std::pair<int, int>::second);
  for (size_t i = 0; i < plan.fds.size(); ++i) {
    const int number = plan.fds[i].second;
    if (number < 0 || number > kMaxChildFd || (i > 0 && plan.fds[i - 1].second == number)) {
      return Fail(Code::kInvalidArgument, "descriptor {} of the child is out of range or given twice", number);
    }
  }
  plan.max_fd = plan.fds.back().second;
  return {};
}

Result<Plan> MakePlan(const SpawnOptions& options, const std::string& program, int null_fd, int failure_fd) {
  Plan plan;
  plan.program = program.c_str();
  plan.argv = Pointers(options.argv);
  if (options.env) plan.envp = Pointers(*options.env);
  plan.cwd = options.cwd.empty() ? nullptr : options.cwd.c_str();
  for (const std::string& file : options.cgroup_procs) plan.cgroup_procs.push_back(file.c_str());
  plan.failure_fd = failure_fd;
  plan.new_session = options.new_session;
  plan.emptied = options.emptied.empty() ? nullptr : options.emptied.c_str();
  plan.controlling_terminal = options.controlling_terminal;
  plan.opaque = options.opaque;
  plan.parent_death_signal = options.parent_death_signal;
  plan.parent = getpid();
  BURROW_RETURN_IF_ERROR(PlanDescriptors(options, null_fd, plan));
  return plan;
}

// The pid, with the pidfd in `pidfd`; negative with errno.
pid_t CloneChild(const Plan& plan, int* pidfd) {
  Stack stack;
  if (!stack.valid()) return -1;
  std::vector<int> moved(plan.fds.size());
  ChildArguments arguments{.plan = &plan,
                           .fds = plan.fds.data(),
                           .fd_count = plan.fds.size(),
                           .cgroup_procs = plan.cgroup_procs.data(),
                           .cgroup_count = plan.cgroup_procs.size(),
                           .argv = plan.argv.data(),
                           .envp = plan.envp.empty() ? environ : plan.envp.data(),
                           .moved = moved.data()};
  AllSignalsBlocked blocked;
  return clone(ChildMain, stack.top(), kCloneFlags, &arguments, pidfd);
}

// Waits for exec (end of file) or the child's report.
std::optional<Failure> ReadFailure(int fd) {
  Failure failure;
  for (;;) {
    const ssize_t count = read(fd, &failure, sizeof failure);
    if (count == sizeof failure) return failure;
    if (count >= 0 || errno != EINTR) return std::nullopt;
  }
}

}  // namespace

Result<Process> Spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return Fail(Code::kInvalidArgument, "no program was given to start");
  BURROW_ASSIGN_OR_RETURN(const std::string program, FindProgram(options.argv[0]));
  BURROW_ASSIGN_OR_RETURN(UniqueFd null_fd, Open("/dev/null", O_RDWR));
  BURROW_ASSIGN_OR_RETURN(Pipe failure_pipe, MakePipe());
  BURROW_ASSIGN_OR_RETURN(const Plan plan, MakePlan(options, program, null_fd.get(), failure_pipe.write.get()));
  int pidfd = -1;
  const pid_t pid = CloneChild(plan, &pidfd);
  if (pid < 0) return FailErrno(fmt::format("start {}: clone", options.argv[0]));
  Process process;
  process.pid_ = pid;
  process.pidfd_ = UniqueFd(pidfd);
  failure_pipe.write.Reset();
  if (const auto failure = ReadFailure(failure_pipe.read.get())) {
    return FailErrno(fmt::format("start {}: {}", options.argv[0], kStepNames[static_cast<size_t>(failure->step)]),
                     failure->os_errno);
  }
  return process;
}

}  // namespace burrow::os

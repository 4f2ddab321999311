#include "os/user_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "os/fs.h"
#include "os/process.h"

namespace burrow::os {
namespace {

constexpr std::string_view kEveryId = "0 0 4294967295";

constexpr std::chrono::milliseconds kStepDeadline{10'000};

// In a forked child of a process with threads: system calls alone. A step's byte is its errno. It keeps nothing of its
// parent's open, and does not outlive the thread that made it, which waits for it.
[[noreturn]] void RunChild(pid_t parent, int told, int tell) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent || dup2(told, 0) != 0 || dup2(tell, 1) != 1) _exit(1);
  close_range(2, ~0U, 0);
  told = 0, tell = 1;
  for (const int flag : {CLONE_NEWUSER, CLONE_NEWNET}) {
    const auto outcome = static_cast<unsigned char>(unshare(flag) == 0 ? 0 : errno);
    char answer = 0;
    if (write(tell, &outcome, 1) != 1 || outcome != 0 || read(told, &answer, 1) != 1) _exit(1);
  }
  _exit(0);
}

// A child that waits between its two steps. It does not outlive its owner.
class Child {
 public:
  static Result<Child> Start() {
    Child child;
    BURROW_ASSIGN_OR_RETURN(Pipe down, MakePipe());
    BURROW_ASSIGN_OR_RETURN(Pipe up, MakePipe());
    const pid_t own = getpid();
    // Not fork(): ThreadSanitizer's starts a thread in the child, and who has threads cannot enter a user namespace.
    child.pid_ = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child.pid_ < 0) return FailErrno("fork");
    if (child.pid_ == 0) RunChild(own, down.read.get(), up.write.get());
    child.tell_ = std::move(down.write);
    child.told_ = std::move(up.read);
    return child;
  }
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), tell_(std::move(other.tell_)), told_(std::move(other.told_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  Status AwaitStep(const char* what) const {
    pollfd said{.fd = told_.get(), .events = POLLIN};
    if (poll(&said, 1, static_cast<int>(kStepDeadline.count())) == 0)
      return Fail(Code::kDeadlineExceeded, "{}: it takes longer than {} ms", what, kStepDeadline.count());
    unsigned char outcome = 0;
    if (read(told_.get(), &outcome, 1) != 1) return Fail(Code::kInternal, "{}: the process for it ended", what);
    return outcome == 0 ? Status() : FailErrno(what, outcome);
  }
  Status GoOn() const { return WriteAll(tell_.get(), "."); }
  Status Map(const char* file) const {
    BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(fmt::format("/proc/{}/{}", pid_, file), O_WRONLY));
    return WriteAll(fd.get(), kEveryId);
  }
  Result<UniqueFd> Namespace(const char* name) const {
    return Open(fmt::format("/proc/{}/ns/{}", pid_, name), O_RDONLY);
  }

 private:
  Child() = default;
  pid_t pid_ = -1;
  UniqueFd tell_, told_;
};

}  // namespace

Result<UserNamespace> CreateUserNamespace() {
  UserNamespace made;
  BURROW_ASSIGN_OR_RETURN(const Child child, Child::Start());
  BURROW_RETURN_IF_ERROR(child.AwaitStep("make a user namespace"));
  for (const char* file : {"uid_map", "gid_map"}) BURROW_RETURN_IF_ERROR(child.Map(file));
  BURROW_RETURN_IF_ERROR(child.GoOn());
  BURROW_RETURN_IF_ERROR(child.AwaitStep("make a network namespace"));
  BURROW_ASSIGN_OR_RETURN(made.user, child.Namespace("user"));
  BURROW_ASSIGN_OR_RETURN(made.network, child.Namespace("net"));
  return made;
}

}  // namespace burrow::os

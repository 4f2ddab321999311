// Child processes with owned descriptors and a pidfd. Blocking calls take deadlines; any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

// How a process ended: an exit code, or the signal that killed it.
struct ExitStatus {
  int code = 0;
  int signal = 0;
  bool Success() const { return code == 0 && signal == 0; }
  int AsNumber() const { return signal ? -signal : code; }
};

struct SpawnOptions {
  std::vector<std::string> argv;                // argv[0] is looked up in PATH
  std::optional<std::vector<std::string>> env;  // NAME=value; absent: inherit
  std::string cwd;                              // empty: inherit
  std::vector<std::pair<int, int>>
      fds;  // (ours, number in the child); everything else is closed; 0-2 not named are /dev/null
  std::vector<std::string> cgroup_procs;  // paths of cgroup.procs files that the child writes itself into before exec
  bool new_session = false;
  bool controlling_terminal = false;  // descriptor 0 of the child, of its new session
  // Nobody without privileges over this process's own user namespace can look into the child, or into what it executes,
  // whatever user namespace that enters: its real group id is not its effective one.
  bool opaque = false;
  int parent_death_signal = 0;  // PR_SET_PDEATHSIG of the child
  // A directory that the child, and what it executes, finds empty: in a mount namespace of its own, a copy of this one.
  std::string emptied;
};

// A running child. The destructor kills (SIGKILL) and reaps it.
class Process {
 public:
  Process() = default;
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the process has ended
  bool running() const { return pid_ > 0; }
  Status Signal(int signal);
  // Reaps the process; kDeadlineExceeded if it lives on.
  Result<ExitStatus> Wait(std::chrono::milliseconds deadline);
  // SIGTERM, then after `grace` SIGKILL; reaps.
  Result<ExitStatus> Stop(std::chrono::milliseconds grace);

 private:
  friend Result<Process> Spawn(const SpawnOptions&);
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// Fails, with the step and errno, when the program could not be started; kNotFound where it is not in PATH. The kernel
// ties parent_death_signal to the calling THREAD: call from one that lives as long as the child may. Signal mask and
// dispositions of the child are the defaults.
Result<Process> Spawn(const SpawnOptions& options);

struct Output {
  ExitStatus status;
  std::string out;  // stdout and stderr together, bounded to the last 1 MiB
};
// Runs a command to its end; past the deadline it is killed and kDeadlineExceeded returned.
Result<Output> Run(SpawnOptions options, std::chrono::milliseconds deadline);

struct Pipe {
  UniqueFd read, write;  // close-on-exec
};
Result<Pipe> MakePipe();

}  // namespace burrow::os

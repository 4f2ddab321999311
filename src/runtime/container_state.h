// What a container holds. Private to this module.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <string>

#include "os/user_namespace.h"
#include "runtime/container.h"
#include "runtime/engine.h"
#include "runtime/terminal.h"

namespace burrow::runtime {

// Members go in reverse order: what holds others back comes last.
struct Container::State {
  std::string name, upper, engine_directory, small_files;
  ExecTarget exec_target;
  std::optional<os::Cgroup> cgroup;
  os::Mount rootfs;
  std::optional<os::ContainerNetwork> network;
  UniqueFd loopback;
  os::UserNamespace joinable;
  ino_t joined_from = 0;  // a pid namespace; 0: none
  StartedEngine engine;
  EngineTerminal terminal;
  std::deque<os::Process> messengers;  // that carry signals into a kernel of the container's own
  std::optional<ContainerExit> exit;
  double mount_ms = 0, launch_ms = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  int NetworkFd() const { return network ? network->namespace_fd() : loopback.get(); }
  std::string DescriptorPath(int fd) const { return fmt::format("/proc/{}/fd/{}", getpid(), fd); }
  Result<UniqueFd> OpenOfInit(const char* file) const;  // below its directory in /proc
  void KillNow();
  Status SendByEngine(int signal);
};

}  // namespace burrow::runtime

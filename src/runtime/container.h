// One OCI container, run by crun, runc or runsc inside a cgroup and network namespace that Burrow made.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "os/network.h"
#include "os/overlay.h"
#include "os/process.h"

namespace burrow::runtime {

// runsc is gVisor: a kernel of the container's own, at the price of memory and of slower system calls. It runs
// functions, not everything that the others do: see README.md.
enum class Engine { kCrun, kRunc, kRunsc };
Result<Engine> ParseEngine(std::string_view name);
// kFailedPrecondition, saying so, unless this machine has the program.
Status CheckInstalled(std::string_view program);

struct Bind {
  std::string source, target;  // target: absolute inside the container
  bool read_only = true;
};

// A filesystem in memory, gone with the container.
struct TmpfsMount {
  std::string target;  // absolute inside the container
  uint64_t bytes = 0;  // 0: what memory there is
};

// Whom a container runs as, by numbers: names are the image's affair.
struct ContainerUser {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;  // supplementary
};

enum class NetworkMode {
  kNode,  // a veth behind the node's NAT, or loopback where the runtime has no network
  kNone,  // loopback only
};

struct TerminalSize {
  uint16_t rows = 0, columns = 0;
};

struct ContainerOptions {
  std::string name;       // unique on the node: the runtime's container id
  std::string directory;  // an existing empty directory: upper and work directories, mount point; the caller removes it
  // The image's tree as the first directory; must stay until the Container is gone.
  os::OverlayLower lower;
  std::vector<std::string> args;  // args[0] is looked up in PATH of env
  std::vector<std::string> env;   // NAME=value
  std::string cwd = "/";          // made if missing
  // Mounted in the order of their targets, so that what is nested lies on top.
  std::vector<Bind> binds;
  std::vector<TmpfsMount> tmpfs;
  ContainerUser user;
  NetworkMode network = NetworkMode::kNode;
  std::optional<Engine> engine;  // another one than the runtime's own
  os::CgroupLimits limits;
  // (ours, number in the container): 0, 1, 2 and then 3, 4, ... without gaps; runsc takes the first three alone.
  std::vector<std::pair<int, int>> fds;
  // Descriptors 0, 1 and 2 are a terminal of the container's own, which controls its first process; `fds` is empty.
  std::optional<TerminalSize> terminal;
  std::string hostname = "burrow";
  // Lies over the image's tree: the upper directory of another container of it, which writes no more while this one
  // lives. Empty: nothing does.
  std::string written_before;
  // It may join the namespaces of containers that are joined from it.
  bool joins = false;
  // A descriptor of the pid namespace of a container that joins: processes of that one can move into this one, which
  // has a user namespace of its own for it, in which every id is what it is outside, and lies in that pid namespace,
  // with which it ends. crun alone. Negative: nobody joins it.
  int joined_from = -1;
};

// How a container ended.
struct ContainerExit {
  os::ExitStatus status;
  bool out_of_memory = false;  // the kernel killed in its cgroup for want of memory
};

// Where a running container is found by an engine that is to run a further process in it.
struct ExecTarget {
  Engine engine = Engine::kCrun;
  std::string name;
  std::string engine_root;
  std::string config;                     // the bundle's config.json
  std::string directory;                  // of small files, gone with the container
  std::vector<std::string> cgroup_procs;  // of its control group
  std::string pid_namespace;              // opens that in which the engine runs; empty: the node's
  std::vector<std::string> env;           // NAME=value, in place of the configuration's
};

// Where the mounts of a running container are found.
struct ContainerMounts {
  std::string name;
  Engine engine = Engine::kCrun;
  UniqueFd mount_namespace;
  UniqueFd mountinfo;                     // of its first process
  std::vector<std::string> cgroup_procs;  // of its control group
};

// A container from mount to cleanup. One owner at a time; methods block unless said otherwise.
class Container {
 public:
  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  ~Container();  // kills, unmounts, removes the cgroup

  // Readable when the container has ended: for an event loop.
  int pidfd() const;
  // The upper directory: what the container wrote, and `cwd` where it was missing. Mount targets (/proc, /dev, /sys,
  // /etc/hosts, the binds and tmpfs) are not in it.
  const std::string& upper() const;
  // Signals the container's first process; does not block. Fails with kNotFound once it has ended. Being process 1 of
  // its pid namespace, it sees only signals that it has a handler for; SIGKILL always works.
  Status Signal(int signal);
  // Kills everything in the container's cgroup; does not wait.
  void Kill();
  // That of its first process, for `joined_from` of others; kNotFound once it has ended.
  Result<UniqueFd> OpenPidNamespace() const;
  // Takes in a process that is about to join, of the pid namespace that it is joined from: into the control group with
  // it. Signals go to it from now on.
  Status Adopt(pid_t process);
  Result<ContainerExit> Wait(std::chrono::milliseconds deadline);
  os::CgroupUsage Usage() const;
  ExecTarget exec_target() const;
  // For ExchangeMount; kNotFound once its first process has ended. Does not block.
  Result<ContainerMounts> OpenMounts() const;
  // The outer end of its terminal, as a descriptor of the caller's; kFailedPrecondition where it has none. Reading
  // fails with EIO once every process of the container has closed the terminal.
  Result<UniqueFd> OpenTerminal() const;
  // Tells the processes, too. Does not block.
  Status ResizeTerminal(TerminalSize size);
  double mount_ms() const;   // overlay mounted
  double launch_ms() const;  // runtime spawned until its first process exists

 private:
  friend class ContainerRuntime;
  friend class ContainerStart;
  struct State;
  explicit Container(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct RuntimeOptions {
  Engine engine = Engine::kCrun;
  // Bundles and the engine's --root: some dozens of small files for each container, so best in memory (a tmpfs).
  std::string state_directory;
  os::CgroupRoot* cgroups = nullptr;             // not owned
  os::NodeNetwork* network = nullptr;            // not owned; null: loopback only for every container
  std::string resolv_conf = "/etc/resolv.conf";  // what containers see as theirs
};

// Starts containers with the default hardening: own mount, pid, ipc, uts, cgroup and network namespaces, default
// capabilities and seccomp list, no_new_privs, masked and read-only /proc paths, /dev, /dev/shm, /proc, /sys read-only.
// Thread-safe. The process must already be in its own mount namespace.
class ContainerRuntime {
 public:
  // Fails, saying which package to install, where the engine is missing.
  static Result<ContainerRuntime> Create(RuntimeOptions options);
  // Blocks for the few milliseconds until the container's first process exists. On failure nothing is left but
  // `directory`.
  Result<Container> Start(ContainerOptions options) const;
  // For start-up, before the first Start: kills what an earlier process of this instance left running in its cgroups
  // and clears the engine's state. Mounts and directories are the caller's (os::UnmountBelow, os::RemoveTree).
  Status RemoveLeftovers() const;

 private:
  explicit ContainerRuntime(RuntimeOptions options) : options_(std::move(options)) {}
  RuntimeOptions options_;
};

}  // namespace burrow::runtime

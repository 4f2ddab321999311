// How crun, runc and runsc are called. Blocking; any thread.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "os/process.h"
#include "runtime/container.h"

namespace burrow::runtime {

// One `run` of an engine: what it is told and where it reports.
struct EngineRun {
  Engine engine = Engine::kCrun;
  std::string root;    // --root: of runsc one for each container, as it keeps several files of each
  std::string bundle;  // directory of config.json; the engine's pid file and log go there too
  std::string name;
  std::vector<std::pair<int, int>> fds;
  std::string console_socket;             // where the master of the terminal is wanted; empty: nowhere
  bool controlling_terminal = false;      // descriptor 0 is one, from which the engine takes signals
  std::vector<std::string> cgroup_procs;  // joined by the engine itself before it starts
  // A path that opens the pid namespace in which crun runs; empty: the node's. What it writes into its pid file is a
  // number of that namespace then.
  std::string pid_namespace;
  // Set: the process that this file describes is run in the running container `name`; the bundle is a directory for the
  // pid file and log alone.
  std::string process_file;
};

struct StartedEngine {
  os::Process process;  // waits for the container; ends with its exit code, or 128 and the signal
  UniqueFd init;        // pidfd of the process that was started; invalid where it has ended already
  pid_t init_pid = 0;   // its number; 0 with a pid namespace of the run's
  // Of a further process under runsc, which has no pidfd: its number inside.
  pid_t inner_pid = 0;
};

// A process that its engine alone can reach: of a container under runsc.
struct EngineProcess {
  Engine engine = Engine::kRunsc;
  std::string root, name;  // as in EngineRun
  pid_t pid = 0;           // inside; 0: the container's first process
};
// Starts what sends the signal: it has arrived when that has ended with success.
Result<os::Process> SendSignal(const EngineProcess& process, int signal);

// The program to start; kFailedPrecondition, saying which package to install, where it is missing.
Result<std::string> FindEngine(Engine engine);
std::string_view EngineName(Engine engine);

// Returns as soon as the container's first process exists. Fails with the engine's own words when it gives up before.
Result<StartedEngine> StartEngine(const EngineRun& run, std::chrono::milliseconds deadline);

// Pure: the last error in an engine's JSON log; empty where there is none.
std::string LastEngineError(std::string_view log);
// Pure: engines report a signal as 128 and its number.
os::ExitStatus FromEngineStatus(os::ExitStatus status);

}  // namespace burrow::runtime

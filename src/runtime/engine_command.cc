#include "runtime/engine_command.h"

#include <fmt/format.h>

#include <algorithm>

namespace burrow::runtime {
namespace {

constexpr const char *kEnter = "nsenter", *kUnshare = "unshare";  // of util-linux

void Append(std::vector<std::string>& argv, std::vector<std::string> more) {
  argv.insert(argv.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// crun looks at a running container by the numbers of its own pid namespace, for which it needs a /proc of that.
std::vector<std::string> EnterPidNamespace(const EngineRun& run) {
  if (run.pid_namespace.empty()) return {};
  std::vector<std::string> argv = {kEnter, "--pid=" + run.pid_namespace, "--"};
  if (!run.process_file.empty()) Append(argv, {kUnshare, "--mount", "--mount-proc", "--"});
  return argv;
}

// Of runsc: limits are those of the group in which it is started, as with crun; what a container writes goes into our
// overlay, not into one of its own; sockets that are mounted into it can be connected to.
std::vector<std::string> OwnSettings(Engine engine) {
  switch (engine) {
    case Engine::kCrun:
      return {"--cgroup-manager=disabled"};
    case Engine::kRunc:
      return {};
    case Engine::kRunsc:
      return {"--ignore-cgroups", "--overlay2=none", "--host-uds=open"};
  }
  return {};
}

// What `run` and `exec` both understand.
std::vector<std::string> Handed(const EngineRun& run) {
  std::vector<std::string> argv;
  if (!run.console_socket.empty()) Append(argv, {"--console-socket", run.console_socket});
  const auto extra = std::ranges::count_if(run.fds, [](const auto& fd) { return fd.second > 2; });
  if (extra > 0) Append(argv, {"--preserve-fds", std::to_string(extra)});
  // What runsc calls the pid of a further process is its own.
  const bool inner = run.engine == Engine::kRunsc && !run.process_file.empty();
  Append(argv, {inner ? "--internal-pid-file" : "--pid-file", PidFile(run)});
  return argv;
}

}  // namespace

std::string PidFile(const EngineRun& run) { return run.bundle + "/pid"; }
std::string LogFile(const EngineRun& run) { return run.bundle + "/engine.log"; }

std::vector<std::string> RunCommand(const EngineRun& run, const std::string& program) {
  std::vector<std::string> argv = EnterPidNamespace(run);
  Append(argv, {program, "--root", run.root, "--log", LogFile(run), "--log-format", "json"});
  Append(argv, OwnSettings(run.engine));
  if (!run.process_file.empty()) {
    Append(argv, {"exec", "--process", run.process_file});
    Append(argv, Handed(run));
    argv.push_back(run.name);
    return argv;
  }
  argv.emplace_back("run");
  // runc would remove the cgroup, and with it the count of kills for want of memory, before anybody can read it.
  if (run.engine == Engine::kRunc) argv.emplace_back("--keep");
  Append(argv, Handed(run));
  Append(argv, {"--bundle", run.bundle, run.name});
  return argv;
}

std::vector<std::string> SignalCommand(const EngineProcess& process, int signal, const std::string& program) {
  std::vector<std::string> argv = {program, "--root", process.root, "kill"};
  if (process.pid > 0) Append(argv, {"--pid", std::to_string(process.pid)});
  Append(argv, {process.name, std::to_string(signal)});
  return argv;
}

}  // namespace burrow::runtime

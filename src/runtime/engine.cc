#include "runtime/engine.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "os/fs.h"
#include "runtime/engine_command.h"

namespace burrow::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// By a file there runsc (of 2022 to 2024) tells the host's network namespace from others; since Linux 6.11 all have it.
constexpr const char* kHiddenFromRunsc = "/proc/sys/net";
constexpr uint64_t kLogLimit = 1u << 20;
constexpr int kHighestSignal = 64;

Result<UniqueFd> WatchDirectory(const std::string& directory) {
  UniqueFd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch.valid() || inotify_add_watch(watch.get(), directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
    return FailErrno(fmt::format("watch {}", directory));
  }
  return watch;
}

// The number in the pid file; 0 while it is not there or not complete.
pid_t ReadPid(const EngineRun& run) {
  const auto text = os::ReadFile(PidFile(run), 64);
  pid_t pid = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

// The parent of a process, from /proc; 0 where it is gone.
pid_t ParentOf(pid_t pid) {
  const auto stat = os::ReadFile(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) return 0;
  const auto name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 > stat->size()) return 0;
  pid_t parent = 0;
  std::from_chars(stat->data() + name_end + 4, stat->data() + stat->size(), parent);
  return parent;
}

// An invalid descriptor where the process is gone already: the engine reaps it and the number may be another's by then.
UniqueFd OpenInit(pid_t pid, pid_t engine) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (fd.valid() && ParentOf(pid) != engine) fd.Reset();
  return fd;
}

// Whether a process has this number in the pid namespace next to this one's.
bool HasNestedNumber(pid_t process, pid_t number) {
  const auto status = os::ReadFile(fmt::format("/proc/{}/status", process), 1u << 16);
  const auto at = status ? status->find("\nNSpid:") : std::string::npos;
  if (at == std::string::npos) return false;
  std::istringstream numbers(status->substr(at + 7));
  pid_t own = 0, nested = 0;
  return numbers >> own >> nested && nested == number;
}

// The process of the run's control group that has this number in the run's pid namespace; invalid where it is gone.
UniqueFd OpenNested(const EngineRun& run, pid_t number) {
  if (run.cgroup_procs.empty()) return {};
  std::istringstream members(os::ReadFile(run.cgroup_procs.front(), kLogLimit).value_or(""));
  for (pid_t process = 0; members >> process;) {
    if (!HasNestedNumber(process, number)) continue;
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    if (fd.valid() && HasNestedNumber(process, number)) return fd;
  }
  return {};
}

std::string EngineWords(const EngineRun& run) {
  const auto log = os::ReadFile(LogFile(run), kLogLimit);
  std::string words = log ? LastEngineError(*log) : std::string();
  return words.empty() ? "it gave no reason" : words;
}

// crun notes when its container's first process began, as /proc says of that number in the node's pid namespace: for a
// number of another one that is some stranger. Without the note it takes the number's word for it.
Status ForgetStartTime(const EngineRun& run) {
  const std::string path = fmt::format("{}/{}/status", run.root, run.name);
  BURROW_ASSIGN_OR_RETURN(const std::string text, os::ReadFile(path, kLogLimit));
  auto status = nlohmann::json::parse(text, nullptr, false);
  if (!status.is_object()) return Fail(Code::kInternal, "{} is no status of crun's", path);
  status.erase("process-start-time");
  return os::WriteFileAtomically(path, status.dump(), 0600);
}

enum class Event { kFile, kEnd, kNothing };

Event WaitForEvent(const os::Process& process, int watch, Clock::time_point deadline) {
  std::array<pollfd, 2> fds = {pollfd{watch, POLLIN, 0}, pollfd{process.pidfd(), POLLIN, 0}};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Event::kNothing;
    if (poll(fds.data(), fds.size(), static_cast<int>(left)) <= 0) continue;
    if (fds[1].revents != 0) return Event::kEnd;
    std::array<char, 4096> events;
    while (read(watch, events.data(), events.size()) > 0) {
    }
    return Event::kFile;
  }
}

std::optional<std::string> FindProgram(std::string_view name) {
  std::string_view path = kSearchPath;
  while (!path.empty()) {
    const auto colon = std::min(path.find(':'), path.size());
    std::string program = fmt::format("{}/{}", path.substr(0, colon), name);
    if (access(program.c_str(), X_OK) == 0) return program;
    path.remove_prefix(std::min(colon + 1, path.size()));
  }
  return std::nullopt;
}

}  // namespace

std::string_view EngineName(Engine engine) {
  switch (engine) {
    case Engine::kCrun:
      return "crun";
    case Engine::kRunc:
      return "runc";
    case Engine::kRunsc:
      return "runsc";
  }
  return "";
}

Result<Engine> ParseEngine(std::string_view name) {
  for (const Engine engine : {Engine::kCrun, Engine::kRunc, Engine::kRunsc}) {
    if (name == EngineName(engine)) return engine;
  }
  return Fail(Code::kInvalidArgument, "\"{}\" is no container runtime that Burrow knows: use crun, runc or runsc",
              name);
}

Result<std::string> FindEngine(Engine engine) {
  auto program = FindProgram(EngineName(engine));
  if (program) return *std::move(program);
  return Fail(Code::kFailedPrecondition, "{0} is not installed: apt-get install {0}", EngineName(engine));
}

Status CheckInstalled(std::string_view program) {
  if (FindProgram(program)) return {};
  return Fail(Code::kFailedPrecondition, "the container runtime {} is not installed on the worker", program);
}

std::string LastEngineError(std::string_view log) {
  std::string last;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(line.size() + 1, log.size()));
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("msg") || !entry["msg"].is_string()) continue;
    if (entry.contains("level") && entry["level"] != "error") continue;
    last = entry["msg"].get<std::string>();
  }
  return last;
}

os::ExitStatus FromEngineStatus(os::ExitStatus status) {
  if (status.signal != 0 || status.code <= 128 || status.code > 128 + kHighestSignal) return status;
  return {.signal = status.code - 128};
}

Result<os::Process> SendSignal(const EngineProcess& process, int signal) {
  BURROW_ASSIGN_OR_RETURN(const std::string program, FindEngine(process.engine));
  return os::Spawn({.argv = SignalCommand(process, signal, program),
                    .env = {{fmt::format("PATH={}", kSearchPath)}},
                    .cwd = "/",
                    .new_session = true});
}

Result<StartedEngine> StartEngine(const EngineRun& run, milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  BURROW_ASSIGN_OR_RETURN(UniqueFd watch, WatchDirectory(run.bundle));
  BURROW_ASSIGN_OR_RETURN(std::string program, FindEngine(run.engine));
  os::SpawnOptions spawn{.argv = RunCommand(run, program),
                         .env = {{fmt::format("PATH={}", kSearchPath)}},
                         .cwd = "/",
                         .fds = run.fds,
                         .cgroup_procs = run.cgroup_procs,
                         .new_session = true,
                         .controlling_terminal = run.controlling_terminal,
                         .opaque = !run.pid_namespace.empty(),
                         .emptied = run.engine == Engine::kRunsc ? kHiddenFromRunsc : ""};
  StartedEngine started;
  BURROW_ASSIGN_OR_RETURN(started.process, os::Spawn(spawn));
  for (;;) {
    const Event event = WaitForEvent(started.process, watch.get(), end);
    if (const pid_t pid = ReadPid(run); pid > 0) {
      if (!run.pid_namespace.empty()) {
        started.init = OpenNested(run, pid);
        if (run.process_file.empty()) BURROW_RETURN_IF_ERROR(ForgetStartTime(run));
        return started;
      }
      if (run.engine == Engine::kRunsc && !run.process_file.empty()) {
        started.inner_pid = pid;
        return started;
      }
      started.init_pid = pid;
      started.init = OpenInit(pid, started.process.pid());
      return started;
    }
    if (event == Event::kEnd)
      return Fail(Code::kFailedPrecondition, "{}: {}", EngineName(run.engine), EngineWords(run));
    if (event == Event::kNothing) {
      return Fail(Code::kDeadlineExceeded, "{} did not start the container in {} ms", EngineName(run.engine),
                  deadline.count());
    }
  }
}

}  // namespace burrow::runtime

#include "runtime/exec.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "os/fs.h"
#include "runtime/engine.h"
#include "runtime/terminal.h"

namespace burrow::runtime {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kExecDeadline{30'000}, kKillInsideDeadline{5'000};
constexpr uint64_t kConfigLimit = 16u << 20;

// The container's own process with other arguments.
Result<std::string> MakeProcess(const ExecTarget& target, const ExecOptions& options) {
  BURROW_ASSIGN_OR_RETURN(const std::string text, os::ReadFile(target.config, kConfigLimit));
  const json config = json::parse(text, nullptr, false);
  if (!config.is_object() || !config.contains("process") || !config["process"].is_object())
    return Fail(Code::kInternal, "the container's configuration holds no process");
  json process = config["process"];
  process["args"] = options.args;
  auto unset = options.unset;
  for (const std::string& variable : target.env) unset.push_back(variable.substr(0, variable.find('=')));
  process["terminal"] = options.terminal.has_value();
  std::vector<std::string> env;
  for (const json& variable : process.value("env", json::array())) {
    if (!variable.is_string()) continue;
    const auto text_of = variable.get<std::string>();
    const auto name = text_of.substr(0, text_of.find('='));
    if (std::ranges::find(unset, name) == unset.end()) env.push_back(text_of);
  }
  env.insert(env.end(), target.env.begin(), target.env.end());
  env.insert(env.end(), options.env.begin(), options.env.end());
  process["env"] = env;
  if (options.terminal)
    process["consoleSize"] = {{"height", options.terminal->rows}, {"width", options.terminal->columns}};
  return process.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

struct ContainerExec::State {
  std::string directory;  // of its own, in memory
  EngineProcess inside;   // where it has a number there alone
  StartedEngine engine;
  EngineTerminal terminal;
  os::Process messenger;  // that carries the kill there

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    KillNow();
    if (messenger.running()) (void)messenger.Wait(kKillInsideDeadline);
    engine.process = {};
    if (!directory.empty()) (void)os::RemoveTree(directory);
  }

  void KillNow() {
    if (inside.pid > 0 && !messenger.running()) {
      if (auto sent = SendSignal(inside, SIGKILL)) messenger = std::move(*sent);
    }
    if (engine.init.valid()) syscall(SYS_pidfd_send_signal, engine.init.get(), SIGKILL, nullptr, 0);
  }
  Status Launch(const ExecTarget& target, const ExecOptions& options);
};

Status ContainerExec::State::Launch(const ExecTarget& target, const ExecOptions& options) {
  std::string pattern = target.directory + "/exec-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return FailErrno("make a directory for a process");
  directory = pattern;
  BURROW_ASSIGN_OR_RETURN(const std::string process, MakeProcess(target, options));
  EngineRun run{.engine = target.engine,
                .root = target.engine_root,
                .bundle = directory,
                .name = target.name,
                .fds = options.fds,
                .pid_namespace = target.pid_namespace,
                .process_file = directory + "/process.json"};
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(run.process_file, process, 0600));
  if (target.engine != Engine::kRunc) run.cgroup_procs = target.cgroup_procs;
  if (options.terminal) {
    BURROW_ASSIGN_OR_RETURN(engine, terminal.Start(std::move(run), *options.terminal, directory, kExecDeadline));
  } else {
    BURROW_ASSIGN_OR_RETURN(engine, StartEngine(run, kExecDeadline));
  }
  inside = {.engine = target.engine, .root = target.engine_root, .name = target.name, .pid = engine.inner_pid};
  return {};
}

Result<ContainerExec> ContainerExec::Start(const ExecTarget& target, const ExecOptions& options) {
  if (options.args.empty()) return Fail(Code::kInvalidArgument, "there is no command to run");
  auto state = std::make_unique<State>();
  if (Status launched = state->Launch(target, options); !launched)
    return Forward(std::move(launched.error()).WithContext("run a command in container " + target.name));
  return ContainerExec(std::move(state));
}

ContainerExec::ContainerExec(std::unique_ptr<State> state) : state_(std::move(state)) {}
ContainerExec::ContainerExec(ContainerExec&&) noexcept = default;
ContainerExec& ContainerExec::operator=(ContainerExec&&) noexcept = default;
ContainerExec::~ContainerExec() = default;

int ContainerExec::pidfd() const { return state_->engine.process.pidfd(); }
void ContainerExec::Kill() { state_->KillNow(); }

Result<os::ExitStatus> ContainerExec::Wait(milliseconds deadline) {
  BURROW_ASSIGN_OR_RETURN(const os::ExitStatus status, state_->engine.process.Wait(deadline));
  return FromEngineStatus(status);
}

Result<UniqueFd> ContainerExec::OpenTerminal() const {
  if (!state_->terminal.valid()) return Fail(Code::kFailedPrecondition, "the command has no terminal");
  return state_->terminal.Open();
}

Status ContainerExec::ResizeTerminal(TerminalSize size) {
  if (!state_->terminal.valid()) return Fail(Code::kFailedPrecondition, "the command has no terminal");
  return state_->terminal.Resize(size, state_->engine.process);
}

}  // namespace burrow::runtime

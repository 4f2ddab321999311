#include "worker/shell_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/launch_plan.h"

namespace burrow::worker {
namespace {

constexpr size_t kMaxArgumentBytes = 128u << 10;  // of the kernel
constexpr uint32_t kMaxTerminalSide = 65'535;
constexpr const char* kAnyShell = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

std::vector<std::string> CommandOf(const burrow::link::v1::StartShell& request) {
  if (request.args().empty()) return {"/bin/sh", "-c", kAnyShell};
  return {request.args().begin(), request.args().end()};
}

std::string TermOf(const burrow::link::v1::StartShell& request) {
  return "TERM=" + (request.term().empty() ? std::string("xterm") : request.term());
}

void RemoveVariable(std::vector<std::string>& env, const std::string& name) {
  std::erase_if(env, [start = name + "="](const std::string& variable) { return variable.starts_with(start); });
}

bool IsPlain(const std::string& text) {
  return text.size() < kMaxArgumentBytes && text.find('\0') == std::string::npos;
}

}  // namespace

Status CheckShell(const burrow::link::v1::StartShell& request) {
  if (!std::ranges::all_of(request.args(), IsPlain) || !IsPlain(request.term()))
    return Fail(Code::kInvalidArgument, "an argument is longer than {} bytes, or holds a NUL", kMaxArgumentBytes - 1);
  return {};
}

runtime::TerminalSize SizeOf(const burrow::v1::TerminalSize& size) {
  return {.rows = static_cast<uint16_t>(std::min(size.rows(), kMaxTerminalSide)),
          .columns = static_cast<uint16_t>(std::min(size.columns(), kMaxTerminalSide))};
}

runtime::ContainerOptions PlanShell(const burrow::link::v1::StartShell& request, const os::OverlayLower& lower,
                                    const builder::ImageUser& user, const std::string& directory) {
  const auto& image = request.image();
  std::vector<std::string> env(image.env().begin(), image.env().end());
  if (request.has_terminal()) {
    RemoveVariable(env, "TERM");
    env.push_back(TermOf(request));
  }
  runtime::ContainerOptions options;
  options.name = request.shell_id();
  options.directory = directory;
  options.lower = lower;
  options.args = CommandOf(request);
  options.env = builder::WithDefaultVariables(std::move(env), user.home);
  options.cwd = image.workdir().empty() ? "/" : image.workdir();
  options.user = user.ids;
  options.limits.memory_bytes = request.memory_bytes() ? request.memory_bytes() : uint64_t{kDefaultMemoryMib} << 20;
  options.limits.pids = kDefaultPids;
  if (request.has_terminal()) options.terminal = SizeOf(request.terminal());
  return options;
}

void PlanFunctionShell(const burrow::link::v1::StartShell& request, runtime::ContainerOptions& options) {
  options.args = CommandOf(request);
  RemoveVariable(options.env, "BURROW_RUNNER_FD");
  for (const auto& [name, value] : request.secret_environment()) {
    if (request.spec().function().env().contains(name)) continue;  // which wins over all secrets
    RemoveVariable(options.env, name);
    options.env.push_back(fmt::format("{}={}", name, value));
  }
  if (std::ranges::none_of(options.env, [](const auto& variable) { return variable.starts_with("PYTHONPATH="); }))
    options.env.push_back("PYTHONPATH=/burrow/source:/burrow/lib");
  if (!request.has_terminal()) return;
  RemoveVariable(options.env, "TERM");
  options.env.push_back(TermOf(request));
  options.terminal = SizeOf(request.terminal());
}

runtime::ExecOptions PlanExec(const burrow::link::v1::StartShell& request) {
  runtime::ExecOptions options;
  options.args = CommandOf(request);
  options.unset = {"BURROW_RUNNER_FD", "TERM"};
  if (request.has_terminal()) {
    options.env = {TermOf(request)};
    options.terminal = SizeOf(request.terminal());
  }
  return options;
}

burrow::v1::ShellExit ToShellExit(const runtime::ContainerExit& exit) {
  burrow::v1::ShellExit result;
  const bool killed = exit.status.signal != 0;
  result.set_code(static_cast<uint32_t>(killed ? 128 + exit.status.signal : exit.status.code));
  result.set_out_of_memory(killed && exit.out_of_memory);
  return result;
}

}  // namespace burrow::worker

#include "worker/launch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "worker/api_socket.h"

namespace burrow::worker {
namespace {

constexpr const char* kBootstrap =
    "import sys; sys.path[:1] = ['/burrow/source', '/burrow/lib']; from burrow._runner.main import main; main()";

void SetVariable(std::map<std::string, std::string>& environment, const std::string& variable) {
  size_t equals = variable.find('=');
  if (equals == std::string::npos || equals == 0) return;
  environment[variable.substr(0, equals)] = variable.substr(equals + 1);
}

// The directory itself, or the one file in it.
void AddAttached(const burrow::v1::FunctionSpec& function, const std::vector<std::string>& directories,
                 std::vector<runtime::Bind>& binds) {
  for (size_t i = 0; i < directories.size(); ++i) {
    const auto& attached = function.attached(static_cast<int>(i));
    std::string source = directories[i];
    if (attached.single_file()) source += "/" + attached.files(0).path();
    binds.push_back({.source = std::move(source), .target = attached.destination(), .read_only = true});
  }
}

}  // namespace

std::chrono::milliseconds StartDeadline(const burrow::v1::FunctionSpec& function, std::chrono::milliseconds least) {
  if (function.startup_timeout_ms() > 0) return std::chrono::milliseconds(function.startup_timeout_ms());
  return std::max(least, std::chrono::milliseconds(function.timeout_ms()));
}

int RunnerFd(const burrow::v1::FunctionSpec& function) { return function.runtime() == "runsc" ? 0 : 3; }

Result<std::optional<runtime::Engine>> ChooseEngine(const burrow::v1::FunctionSpec& function) {
  if (function.runtime().empty()) return std::nullopt;
  BURROW_ASSIGN_OR_RETURN(auto engine, runtime::ParseEngine(function.runtime()));
  BURROW_RETURN_IF_ERROR(runtime::CheckInstalled(function.runtime()));
  return engine;
}

std::string WorkingDirectory(const burrow::link::v1::ContainerSpec& spec) {
  return spec.image().workdir().empty() ? "/root" : spec.image().workdir();
}

uint32_t MemoryMib(const burrow::v1::Resources& resources) {
  if (resources.memory_limit_mib()) return resources.memory_limit_mib();
  return resources.memory_mib() ? resources.memory_mib() : kDefaultMemoryMib;
}

std::vector<std::string> MergeEnvironment(const std::string& container_id,
                                          const burrow::link::v1::ContainerSpec& spec) {
  std::map<std::string, std::string> environment = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/root"}, {"LANG", "C.UTF-8"}};
  for (const auto& variable : spec.image().env()) SetVariable(environment, variable);
  for (const auto& [name, value] : spec.function().env()) environment[name] = value;
  environment.erase(kApiSocketVariable);
  environment["BURROW_RUNNER_FD"] = std::to_string(RunnerFd(spec.function()));
  environment["BURROW_APP_ID"] = spec.app_id();
  environment["BURROW_CONTAINER_ID"] = container_id;
  environment["BURROW_FUNCTION"] = spec.function().name();
  environment["PYTHONUNBUFFERED"] = "1";
  std::vector<std::string> list;
  list.reserve(environment.size());
  for (const auto& [name, value] : environment) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

runtime::ContainerOptions PlanLaunch(const std::string& container_id, const burrow::link::v1::ContainerSpec& spec,
                                     const LaunchPaths& paths) {
  const auto& resources = spec.function().resources();
  runtime::ContainerOptions options;
  options.name = container_id;
  options.directory = paths.directory;
  options.lower = paths.lower;
  options.args = {"python3", "-c", kBootstrap};
  options.env = MergeEnvironment(container_id, spec);
  if (spec.function().block_network()) options.network = runtime::NetworkMode::kNone;
  options.cwd = WorkingDirectory(spec);
  options.binds.push_back({.source = paths.library, .target = "/burrow/lib", .read_only = true});
  if (!paths.source.empty())
    options.binds.push_back({.source = paths.source, .target = "/burrow/source", .read_only = true});
  if (!paths.api_socket.empty()) {
    options.binds.push_back({.source = paths.api_socket, .target = kApiSocketTarget, .read_only = true});
    options.env.push_back(fmt::format("{}={}", kApiSocketVariable, kApiSocketTarget));
  }
  AddAttached(spec.function(), paths.attached, options.binds);
  options.limits.cpus = resources.cpu_limit() > 0 ? resources.cpu_limit() : resources.cpu();
  options.limits.memory_bytes = uint64_t{MemoryMib(resources)} << 20;
  options.limits.pids = resources.pids() ? resources.pids() : kDefaultPids;
  return options;
}

}  // namespace burrow::worker

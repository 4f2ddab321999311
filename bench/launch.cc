// How many containers a second run `true` to their end: by Burrow's runtime, or by an engine's command alone upon one
// bundle. Prints the figure. What it makes is below `--directory`, in a mount namespace of its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "os/cgroup.h"
#include "os/fs.h"
#include "os/mount.h"
#include "os/process.h"
#include "runtime/bundle.h"
#include "runtime/container.h"

namespace burrow {
namespace {

constexpr std::chrono::milliseconds kPatience{60'000};

struct Settings {
  std::string side = "burrow", directory, rootfs;
  int count = 50, threads = 1;
};

runtime::ContainerOptions Options(const Settings& settings, const std::string& name) {
  return {.name = name,
          .directory = settings.directory + "/" + name,
          .lower = {.directories = {settings.rootfs}},
          .args = {"true"},
          .env = {"PATH=/bin"},
          .limits = {.memory_bytes = 256u << 20, .pids = 64}};
}

// A side that starts the container number `n` and waits until nothing of it is left.
using RunOne = std::function<Status(int n)>;

RunOne ByRuntime(const Settings& settings, const runtime::ContainerRuntime& runtime) {
  return [&settings, &runtime](int n) -> Status {
    auto options = Options(settings, fmt::format("c{}", n));
    const std::string directory = options.directory;
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
    {
      BURROW_ASSIGN_OR_RETURN(auto container, runtime.Start(std::move(options)));
      BURROW_ASSIGN_OR_RETURN(const auto exit, container.Wait(kPatience));
      if (!exit.status.Success()) return Fail(Code::kInternal, "the container failed");
    }
    return os::RemoveTree(directory);
  };
}

// The configuration that the runtime would write, but that the engine makes network namespace and control group.
Result<std::string> MakeBundle(const Settings& settings) {
  auto config = runtime::MakeOciConfig(Options(settings, "bundle"), {.rootfs = settings.rootfs, .open_files = 1024});
  for (auto& one : config["linux"]["namespaces"]) {
    if (one["type"] == "network") one.erase("path");
  }
  config["linux"]["resources"] = {{"memory", {{"limit", 256u << 20}}}, {"pids", {{"limit", 64}}}};
  const std::string bundle = settings.directory + "/bundle";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(bundle));
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(bundle + "/config.json", config.dump(), 0600));
  return bundle;
}

RunOne ByCommand(const Settings& settings, const std::string& bundle) {
  return [&settings, bundle](int n) -> Status {
    const std::string name = fmt::format("burrow-bench-{}-{}", getpid(), n);
    const std::string root = settings.directory + "/engine";
    BURROW_ASSIGN_OR_RETURN(
        const auto output,
        os::Run({.argv = {settings.side, "--root", root, "run", "--bundle", bundle, name}}, kPatience));
    if (!output.status.Success()) return Fail(Code::kInternal, "{}: {}", settings.side, output.out);
    return {};
  };
}

Result<double> PerSecond(const Settings& settings, const RunOne& run) {
  std::atomic<int> next = 0;
  std::vector<Status> outcomes(static_cast<size_t>(settings.threads));
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (Status& outcome : outcomes) {
      threads.emplace_back([&] {
        for (int n; outcome && (n = next++) < settings.count;) outcome = run(n);
      });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (Status& outcome : outcomes) BURROW_RETURN_IF_ERROR(outcome);
  return settings.count / took.count();
}

Result<double> Measure(const Settings& settings) {
  BURROW_RETURN_IF_ERROR(os::EnterOwnMountNamespace());
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(settings.directory));
  if (settings.side != "burrow") {
    BURROW_ASSIGN_OR_RETURN(const std::string bundle, MakeBundle(settings));
    return PerSecond(settings, ByCommand(settings, bundle));
  }
  BURROW_ASSIGN_OR_RETURN(os::Mount memory, os::MountTmpfs(settings.directory, 256u << 20));
  BURROW_ASSIGN_OR_RETURN(auto cgroups, os::CgroupRoot::Open(fmt::format("bench{}", getpid())));
  Result<double> measured;
  {
    BURROW_ASSIGN_OR_RETURN(auto runtime, runtime::ContainerRuntime::Create(
                                              {.state_directory = settings.directory + "/state", .cgroups = &cgroups}));
    measured = PerSecond(settings, ByRuntime(settings, runtime));
  }
  BURROW_RETURN_IF_ERROR(cgroups.RemoveAll(true));
  return measured;
}

}  // namespace
}  // namespace burrow

int main(int argc, char** argv) {
  burrow::Settings settings;
  CLI::App app("Containers a second");
  app.add_option("--side", settings.side)->check(CLI::IsMember({"burrow", "crun", "runc"}));
  app.add_option("--directory", settings.directory)->required();
  app.add_option("--rootfs", settings.rootfs)->required();
  app.add_option("--count", settings.count)->check(CLI::PositiveNumber);
  app.add_option("--threads", settings.threads)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const auto measured = burrow::Measure(settings);
  if (!measured) {
    std::fprintf(stderr, "launch: %s\n", measured.error().message().c_str());
    return 1;
  }
  std::printf("%.3f\n", *measured);
  return 0;
}

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/log.h"
#include "os/attributes.h"
#include "os/fs.h"
#include "runtime/bundle.h"
#include "runtime/container_state.h"
#include "runtime/skeleton.h"

namespace burrow::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStartDeadline{60'000};
constexpr uint64_t kResolvConfLimit = 64u << 10;
// Where systemd-resolved keeps the name servers that its own address on loopback stands for.
constexpr const char* kSystemdResolvConf = "/run/systemd/resolve/resolv.conf";

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string EngineStateOf(const RuntimeOptions& options) { return options.state_directory + "/engine"; }
std::string SmallFilesOf(const RuntimeOptions& options) { return options.state_directory + "/containers"; }

ResolvConf ChooseResolvConf(const std::string& path) {
  ResolvConf chosen = MakeResolvConf(os::ReadFile(path, kResolvConfLimit).value_or(""));
  if (chosen.usable) return chosen;
  ResolvConf other = MakeResolvConf(os::ReadFile(kSystemdResolvConf, kResolvConfLimit).value_or(""));
  return other.usable ? other : chosen;
}

// A directory in use by another container must not be cleared when its second start fails.
Status CheckEmpty(const std::string& directory) {
  std::error_code error;
  const bool empty = std::filesystem::is_empty(directory, error);
  if (error) return FailErrno(directory, error.value());
  if (!empty) return Fail(Code::kFailedPrecondition, "{} is not empty", directory);
  return {};
}

uint64_t OpenFilesLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : 1024;
}

Status WritePlain(const std::string& path, std::string_view content) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  return os::WriteAll(fd.get(), content);
}

}  // namespace

// The steps of one start; what they have made belongs to the state from then on.
class ContainerStart {
 public:
  ContainerStart(const RuntimeOptions& runtime, const ContainerOptions& options, Container::State& state)
      : runtime_(runtime),
        options_(options),
        engine_(*options.engine),
        state_(state),
        small_files_(SmallFilesOf(runtime) + "/" + options.name),
        bundle_(small_files_ + "/bundle"),
        skeleton_(small_files_ + "/skeleton") {}

  Status Run() {
    BURROW_RETURN_IF_ERROR(Prepare());
    BURROW_RETURN_IF_ERROR(Files());
    return Launch();
  }

 private:
  bool Joinable() const { return options_.joined_from >= 0; }
  std::string Below(const char* name) const { return options_.directory + "/" + name; }

  // Network and cgroup need nothing of the mount: they are made meanwhile.
  Status Prepare() {
    std::future<Status> isolated;
    try {
      isolated = std::async(std::launch::async, [this] { return Isolate(); });
    } catch (const std::system_error& error) {
      return Fail(Code::kResourceExhausted, "start a thread: {}", error.what());
    }
    Status mounted = Bundle();
    if (mounted) mounted = Mount();
    Status isolation = isolated.get();
    return mounted ? std::move(isolation) : std::move(mounted);
  }

  Status Bundle() {
    if (mkdir(small_files_.c_str(), 0755) != 0) return FailErrno(fmt::format("make directory {}", small_files_));
    state_.small_files = small_files_;
    std::vector<std::string> directories = {bundle_, skeleton_};
    for (const char* name : {"upper", "work", "rootfs"}) directories.push_back(Below(name));
    for (const std::string& directory : directories) {
      if (mkdir(directory.c_str(), 0755) != 0) return FailErrno(fmt::format("make directory {}", directory));
    }
    state_.upper = Below("upper");
    for (const char* file : {"resolv.conf", "hosts", "hostname"}) {
      BURROW_RETURN_IF_ERROR(WritePlain(bundle_ + "/" + file, ""));
      generated_.push_back({.source = bundle_ + "/" + file, .target = fmt::format("/etc/{}", file)});
    }
    return {};
  }

  Result<std::vector<MountPoint>> MountPoints() const {
    std::vector<MountPoint> points;
    for (const auto* list : {&generated_, &options_.binds}) {
      for (const Bind& bind : *list) {
        struct stat source{};
        if (stat(bind.source.c_str(), &source) != 0) return FailErrno(fmt::format("mount {}", bind.source));
        points.push_back({.target = bind.target, .directory = S_ISDIR(source.st_mode)});
      }
    }
    for (const TmpfsMount& tmpfs : options_.tmpfs) points.push_back({.target = tmpfs.target, .mode = 01777});
    return points;
  }

  Status Mount() {
    const auto start = Clock::now();
    BURROW_ASSIGN_OR_RETURN(const auto points, MountPoints());
    BURROW_RETURN_IF_ERROR(MakeSkeleton(skeleton_, options_.lower.directories.front(), points));
    os::OverlayOptions overlay{.lower = options_.lower, .upper = state_.upper, .work = Below("work")};
    auto& layers = overlay.lower.directories;
    if (!options_.written_before.empty()) layers.insert(layers.begin(), options_.written_before);
    layers.insert(layers.begin(), skeleton_);
    // The root of an overlay is its upper directory's.
    BURROW_RETURN_IF_ERROR(os::CopyDirectoryAttributes(options_.lower.directories.front(), state_.upper));
    BURROW_ASSIGN_OR_RETURN(state_.rootfs, os::MountOverlay(overlay, Below("rootfs")));
    state_.mount_ms = MillisecondsSince(start);
    return {};
  }

  Status Isolate() {
    if (Joinable()) {
      struct stat from{};
      if (fstat(options_.joined_from, &from) != 0) return FailErrno("look at a pid namespace");
      state_.joined_from = from.st_ino;
      BURROW_ASSIGN_OR_RETURN(state_.joinable, os::CreateUserNamespace());
    }
    const int network = state_.joinable.network.get();
    if (runtime_.network != nullptr && options_.network == NetworkMode::kNode) {
      BURROW_ASSIGN_OR_RETURN(state_.network, runtime_.network->CreateContainerNetwork(network));
    } else {
      BURROW_ASSIGN_OR_RETURN(state_.loopback, os::CreateLoopbackNamespace(network));
    }
    BURROW_ASSIGN_OR_RETURN(state_.cgroup, runtime_.cgroups->Create(options_.name, options_.limits));
    return {};
  }

  Status Files() {
    const std::string address = state_.network ? state_.network->address() : "";
    BURROW_RETURN_IF_ERROR(Fill("resolv.conf", ChooseResolvConf(runtime_.resolv_conf).text));
    BURROW_RETURN_IF_ERROR(Fill("hosts", MakeHosts(options_.hostname, address)));
    BURROW_RETURN_IF_ERROR(Fill("hostname", options_.hostname + "\n"));
    const BundlePaths paths{.rootfs = Below("rootfs"),
                            .network_namespace = state_.DescriptorPath(state_.NetworkFd()),
                            .user_namespace = Joinable() ? state_.DescriptorPath(state_.joinable.user.get()) : "",
                            // crun binds the root without it. In a user namespace nobody can.
                            .restore_nodev = engine_ == Engine::kCrun && !Joinable(),
                            .cgroup = engine_ == Engine::kRunc ? state_.cgroup->path() : "",
                            .open_files = OpenFilesLimit(),
                            .binds = generated_};
    // Bytes that are no UTF-8 cannot be told to an engine: they become the replacement character.
    const std::string config =
        MakeOciConfig(options_, paths).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return WritePlain(bundle_ + "/config.json", config);
  }

  Status Fill(const char* name, std::string_view content) {
    BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(bundle_ + "/" + name, O_WRONLY | O_TRUNC));
    return os::WriteAll(fd.get(), content);
  }

  Status Launch() {
    const auto start = Clock::now();
    const std::string engine_directory = EngineStateOf(runtime_) + "/" + options_.name;
    EngineRun run{.engine = engine_,
                  .root = engine_ == Engine::kRunsc ? engine_directory : EngineStateOf(runtime_),
                  .bundle = bundle_,
                  .name = options_.name,
                  .fds = options_.fds};
    if (Joinable()) run.pid_namespace = state_.DescriptorPath(options_.joined_from);
    // runc joins the group of linux.cgroupsPath and wants it empty; the others leave groups alone and are started
    // inside.
    if (engine_ != Engine::kRunc) run.cgroup_procs = state_.cgroup->procs_files();
    state_.engine_directory = engine_directory;
    state_.exec_target = {.engine = run.engine,
                          .name = run.name,
                          .engine_root = run.root,
                          .config = bundle_ + "/config.json",
                          .directory = small_files_,
                          .cgroup_procs = state_.cgroup->procs_files(),
                          .pid_namespace = run.pid_namespace};
    if (options_.terminal) {
      BURROW_ASSIGN_OR_RETURN(state_.engine, state_.terminal.Start(run, *options_.terminal, bundle_, kStartDeadline));
    } else {
      BURROW_ASSIGN_OR_RETURN(state_.engine, StartEngine(run, kStartDeadline));
    }
    state_.launch_ms = MillisecondsSince(start);
    return {};
  }

  const RuntimeOptions& runtime_;
  const ContainerOptions& options_;
  const Engine engine_;
  Container::State& state_;
  const std::string small_files_, bundle_, skeleton_;
  std::vector<Bind> generated_;
};

Result<ContainerRuntime> ContainerRuntime::Create(RuntimeOptions options) {
  if (options.cgroups == nullptr) return Fail(Code::kInvalidArgument, "the container runtime needs a cgroup root");
  if (auto program = FindEngine(options.engine); !program) return Forward(std::move(program.error()));
  for (const std::string& directory : {EngineStateOf(options), SmallFilesOf(options)})
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  if (!ChooseResolvConf(options.resolv_conf).usable) {
    LogWarn(
        "{} names no name server that containers can reach (one on loopback is the host's own): names will not resolve "
        "in "
        "containers; put the address of a name server outside of this machine there",
        options.resolv_conf);
  }
  return ContainerRuntime(std::move(options));
}

Result<Container> ContainerRuntime::Start(ContainerOptions options) const {
  auto state = std::make_unique<Container::State>();
  state->name = options.name;
  options.engine = options.engine.value_or(options_.engine);
  BURROW_RETURN_IF_ERROR(CheckOptions(options));
  BURROW_RETURN_IF_ERROR(CheckEmpty(options.directory));
  Status status = ContainerStart(options_, options, *state).Run();
  if (status) return Container(std::move(state));
  state.reset();
  for (const char* name : {"upper", "work", "rootfs"}) {
    (void)os::RemoveTree(options.directory + "/" + name);
  }
  return Forward(std::move(status.error()).WithContext(fmt::format("start container {}", options.name)));
}

Status ContainerRuntime::RemoveLeftovers() const {
  BURROW_RETURN_IF_ERROR(options_.cgroups->RemoveAll(false));
  Status result;
  std::error_code error;
  for (const std::string& directory : {EngineStateOf(options_), SmallFilesOf(options_)}) {
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      if (Status status = os::RemoveTree(entry->path().string()); !status) result = std::move(status);
    }
  }
  return result;
}

}  // namespace burrow::runtime

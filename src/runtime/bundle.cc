#include "runtime/bundle.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "runtime/seccomp.h"

namespace burrow::runtime {
namespace {

using nlohmann::json;

constexpr size_t kMaxNameLength = 128;
// A container's processes go before the engine that waits for them, and before the daemon, when memory runs out.
constexpr int kOomScoreAdjustment = 500;
constexpr uint64_t kSoftOpenFiles = 1024, kHardOpenFiles = 524288;

json Capabilities() {
  const json usual = {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",     "CAP_MKNOD",
                      "CAP_NET_RAW", "CAP_SETGID",       "CAP_SETUID",           "CAP_SETFCAP",    "CAP_SETPCAP",
                      "CAP_KILL",    "CAP_SYS_CHROOT",   "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"};
  return {{"bounding", usual}, {"effective", usual}, {"permitted", usual}};
}

json User(const ContainerUser& user) {
  json result = {{"uid", user.uid}, {"gid", user.gid}};
  if (!user.groups.empty()) result["additionalGids"] = user.groups;
  return result;
}

json Process(const ContainerOptions& options, uint64_t open_files) {
  json process = {{"user", User(options.user)},
                  {"args", options.args},
                  {"env", options.env},
                  {"cwd", options.cwd},
                  {"capabilities", Capabilities()},
                  {"rlimits", json::array({{{"type", "RLIMIT_NOFILE"},
                                            {"soft", std::min(kSoftOpenFiles, open_files)},
                                            {"hard", std::min(kHardOpenFiles, open_files)}}})},
                  {"oomScoreAdj", kOomScoreAdjustment},
                  {"noNewPrivileges", true}};
  process["terminal"] = options.terminal.has_value();
  if (options.terminal)
    process["consoleSize"] = {{"height", options.terminal->rows}, {"width", options.terminal->columns}};
  return process;
}

json MountOf(const char* target, const char* type, const char* source, std::vector<std::string> options) {
  return {{"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

json MountOf(const Bind& bind) {
  return MountOf(bind.target.c_str(), "bind", bind.source.c_str(),
                 {"rbind", "nosuid", "nodev", bind.read_only ? "ro" : "rw"});
}

json MountOf(const TmpfsMount& tmpfs) {
  std::vector<std::string> settings = {"nosuid", "nodev", "mode=1777"};
  if (tmpfs.bytes > 0) settings.push_back(fmt::format("size={}", tmpfs.bytes));
  return MountOf(tmpfs.target.c_str(), "tmpfs", "tmpfs", std::move(settings));
}

// What the container asks for, parents before what is nested in them.
std::multimap<std::string, json> OwnMounts(const ContainerOptions& options) {
  std::multimap<std::string, json> mounts;
  for (const Bind& bind : options.binds) mounts.emplace(bind.target, MountOf(bind));
  for (const TmpfsMount& tmpfs : options.tmpfs) mounts.emplace(tmpfs.target, MountOf(tmpfs));
  return mounts;
}

json Mounts(const BundlePaths& paths, const ContainerOptions& options) {
  json mounts = json::array();
  // "/" itself crun takes for no place to mount.
  if (paths.restore_nodev) mounts.push_back(MountOf("/.", "none", paths.rootfs.c_str(), {"remount", "bind", "nodev"}));
  mounts.push_back(MountOf("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(MountOf("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  mounts.push_back(MountOf("/dev/pts", "devpts", "devpts",
                           {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  mounts.push_back(MountOf("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777"}));
  mounts.push_back(MountOf("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  mounts.push_back(MountOf("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  for (const Bind& bind : paths.binds) mounts.push_back(MountOf(bind));
  for (auto& [target, mount] : OwnMounts(options)) mounts.push_back(mount);
  return mounts;
}

json Namespaces(const std::string& network, const std::string& user) {
  json namespaces = json::array();
  if (!user.empty()) namespaces.push_back({{"type", "user"}, {"path", user}});
  for (const char* type : {"mount", "pid", "ipc", "uts", "cgroup"}) namespaces.push_back({{"type", type}});
  namespaces.push_back({{"type", "network"}, {"path", network}});
  return namespaces;
}

json Linux(const BundlePaths& paths, bool joins) {
  json result = {{"namespaces", Namespaces(paths.network_namespace, paths.user_namespace)},
                 {"rootfsPropagation", "private"},
                 {"maskedPaths",
                  {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                   "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
                   "/sys/devices/virtual/powercap", "/sys/firmware"}},
                 {"readonlyPaths", {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}},
                 {"seccomp", DefaultSeccomp(joins)}};
  if (!paths.cgroup.empty()) result["cgroupsPath"] = paths.cgroup;
  return result;
}

// The value of a "nameserver" line, or nothing.
std::string_view NameServer(std::string_view line) {
  constexpr std::string_view kKeyword = "nameserver";
  const auto start = line.find_first_not_of(" \t");
  if (start == line.npos || !line.substr(start).starts_with(kKeyword)) return {};
  line.remove_prefix(start + kKeyword.size());
  const auto value = line.find_first_not_of(" \t");
  if (value == 0 || value == line.npos) return {};
  line.remove_prefix(value);
  return line.substr(0, line.find_first_of(" \t\r\n#;"));
}

bool IsAbsolute(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == std::string::npos && !(path + "/").contains("/../");
}

}  // namespace

json MakeOciConfig(const ContainerOptions& options, const BundlePaths& paths) {
  return {{"ociVersion", "1.0.2"},
          {"root", {{"path", paths.rootfs}}},
          {"hostname", options.hostname},
          {"process", Process(options, paths.open_files)},
          {"mounts", Mounts(paths, options)},
          {"linux", Linux(paths, options.joins)}};
}

std::string MakeHosts(const std::string& hostname, const std::string& address) {
  return fmt::format("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n",
                     address.empty() ? "127.0.1.1" : address, hostname);
}

ResolvConf MakeResolvConf(std::string_view host_text) {
  ResolvConf result;
  while (!host_text.empty()) {
    const std::string_view line = host_text.substr(0, host_text.find('\n'));
    host_text.remove_prefix(std::min(line.size() + 1, host_text.size()));
    const std::string_view server = NameServer(line);
    if (server.starts_with("127.") || server == "::1") continue;
    result.usable = result.usable || !server.empty();
    result.text += fmt::format("{}\n", line);
  }
  return result;
}

Status CheckOptions(const ContainerOptions& options) {
  const bool plain =
      std::ranges::all_of(options.name, [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_'; });
  if (options.name.empty() || options.name.size() > kMaxNameLength || !plain || options.name[0] == '-') {
    return Fail(Code::kInvalidArgument, "\"{}\" cannot be the name of a container", options.name);
  }
  if (options.args.empty()) return Fail(Code::kInvalidArgument, "the container has no command");
  if (!IsAbsolute(options.cwd)) {
    return Fail(Code::kInvalidArgument, "the working directory \"{}\" must be an absolute path", options.cwd);
  }
  std::vector<std::string> targets;
  targets.reserve(options.binds.size() + options.tmpfs.size());
  for (const Bind& bind : options.binds) targets.push_back(bind.target);
  for (const TmpfsMount& tmpfs : options.tmpfs) targets.push_back(tmpfs.target);
  for (const std::string& target : targets) {
    if (!IsAbsolute(target)) return Fail(Code::kInvalidArgument, "the mount target \"{}\" must be absolute", target);
  }
  if (options.joined_from >= 0 && options.engine.value_or(Engine::kCrun) != Engine::kCrun)
    return Fail(Code::kFailedPrecondition, "only crun makes containers that others can join");
  if (options.terminal && !options.fds.empty())
    return Fail(Code::kInvalidArgument, "a container with a terminal takes no descriptors");
  const bool three_alone = options.engine == Engine::kRunsc;
  int next = 3;
  for (const auto& [ours, number] : options.fds) {
    const bool standard = number >= 0 && number <= 2;
    if (!standard && three_alone)
      return Fail(Code::kFailedPrecondition, "runsc hands no descriptor beyond the first three to a container");
    if (ours < 0 || (!standard && number != next++)) {
      return Fail(Code::kInvalidArgument, "the container's descriptors must be numbered 3, 4, ... without gaps");
    }
  }
  return {};
}

}  // namespace burrow::runtime

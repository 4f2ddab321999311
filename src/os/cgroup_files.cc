#include "os/cgroup_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "os/fs.h"

namespace burrow::os {
namespace {

constexpr uint64_t kPeriodMicroseconds = 100'000;
constexpr uint64_t kMinimalQuotaMicroseconds = 1'000;  // the kernel refuses less

uint64_t ToNumber(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

uint64_t ReadNumber(const std::string& path) {
  const auto text = ReadFile(path, 4096);
  return text ? ToNumber(*text) : 0;
}

// "key value" lines.
uint64_t ReadKey(const std::string& path, std::string_view key) {
  const auto text = ReadFile(path, 1u << 20);
  if (!text) return 0;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return ToNumber(line.substr(key.size() + 1));
    }
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return 0;
}

uint64_t Quota(double cpus) {
  return std::max(kMinimalQuotaMicroseconds, static_cast<uint64_t>(std::llround(cpus * kPeriodMicroseconds)));
}

bool HasWord(std::string_view text, std::string_view word, char separator) {
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    if (text.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

std::string FindV1(const std::vector<MountEntry>& mounts, std::string_view controller) {
  for (const MountEntry& mount : mounts) {
    if (mount.type == "cgroup" && HasWord(mount.super_options, controller, ',')) return mount.point;
  }
  return {};
}

// Lowering writes the smaller one first, raising the larger one: memory alone may never exceed memory and swap.
Status WriteMemoryV1(const std::string& directory, const std::string& value) {
  const std::string memory = directory + "/memory.limit_in_bytes", swap = directory + "/memory.memsw.limit_in_bytes";
  const bool counts_swap = access(swap.c_str(), F_OK) == 0;
  if (!counts_swap) return WriteControlFile(memory, value);
  if (WriteControlFile(memory, value)) return WriteControlFile(swap, value);
  BURROW_RETURN_IF_ERROR(WriteControlFile(swap, value));
  return WriteControlFile(memory, value);
}

Status WriteV1(const CgroupFiles& files, const CgroupLimits& limits) {
  BURROW_RETURN_IF_ERROR(WriteControlFile(files.cpu + "/cpu.cfs_period_us", std::to_string(kPeriodMicroseconds)));
  BURROW_RETURN_IF_ERROR(
      WriteControlFile(files.cpu + "/cpu.cfs_quota_us", limits.cpus > 0 ? std::to_string(Quota(limits.cpus)) : "-1"));
  BURROW_RETURN_IF_ERROR(
      WriteMemoryV1(files.memory, limits.memory_bytes > 0 ? std::to_string(limits.memory_bytes) : "-1"));
  return WriteControlFile(files.pids + "/pids.max", limits.pids > 0 ? std::to_string(limits.pids) : "max");
}

Status WriteV2(const CgroupFiles& files, const CgroupLimits& limits) {
  const std::string quota = limits.cpus > 0 ? std::to_string(Quota(limits.cpus)) : "max";
  BURROW_RETURN_IF_ERROR(WriteControlFile(files.cpu + "/cpu.max", fmt::format("{} {}", quota, kPeriodMicroseconds)));
  const std::string memory = limits.memory_bytes > 0 ? std::to_string(limits.memory_bytes) : "max";
  BURROW_RETURN_IF_ERROR(WriteControlFile(files.memory + "/memory.max", memory));
  const std::string swap = files.memory + "/memory.swap.max";
  if (access(swap.c_str(), F_OK) == 0) {
    BURROW_RETURN_IF_ERROR(WriteControlFile(swap, limits.memory_bytes > 0 ? "0" : "max"));
  }
  return WriteControlFile(files.pids + "/pids.max", limits.pids > 0 ? std::to_string(limits.pids) : "max");
}

uint64_t Without(uint64_t total, uint64_t part) { return total > part ? total - part : 0; }

}  // namespace

std::vector<std::string> CgroupFiles::Directories() const {
  std::vector<std::string> directories;
  for (const std::string* directory : {&pids, &memory, &cpu, &cpuacct}) {
    if (!directory->empty() && std::ranges::find(directories, *directory) == directories.end()) {
      directories.push_back(*directory);
    }
  }
  return directories;
}

CgroupFiles CgroupFiles::Child(const std::string& name) const {
  const auto below = [&](const std::string& directory) { return directory.empty() ? "" : directory + "/" + name; };
  return {
      .unified = unified, .cpu = below(cpu), .cpuacct = below(cpuacct), .memory = below(memory), .pids = below(pids)};
}

Result<CgroupHierarchies> FindCgroupHierarchies(const std::vector<MountEntry>& mounts,
                                                std::string_view unified_controllers) {
  CgroupHierarchies found;
  std::string unified;
  for (const MountEntry& mount : mounts) {
    if (mount.type == "cgroup" || mount.type == "cgroup2") found.all.push_back(mount.point);
    if (mount.type == "cgroup2" && unified.empty()) unified = mount.point;
  }
  found.tops = {.cpu = FindV1(mounts, "cpu"),
                .cpuacct = FindV1(mounts, "cpuacct"),
                .memory = FindV1(mounts, "memory"),
                .pids = FindV1(mounts, "pids")};
  if (!found.tops.cpu.empty() && !found.tops.memory.empty() && !found.tops.pids.empty()) return found;

  while (!unified_controllers.empty() && unified_controllers.back() == '\n') unified_controllers.remove_suffix(1);
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (!unified.empty() && HasWord(unified_controllers, controller, ' ')) continue;
    return Fail(
        Code::kFailedPrecondition,
        "the cgroup controller \"{}\" is missing: mount cgroup2 at /sys/fs/cgroup (or a v1 hierarchy with it) and "
        "see that the kernel command line does not disable it",
        controller);
  }
  found.tops = {.unified = true, .cpu = unified, .cpuacct = unified, .memory = unified, .pids = unified};
  return found;
}

Status WriteCgroupLimits(const CgroupFiles& files, const CgroupLimits& limits) {
  return files.unified ? WriteV2(files, limits) : WriteV1(files, limits);
}

CgroupUsage ReadCgroupUsage(const CgroupFiles& files) {
  if (files.unified) {
    return {.cpu_seconds = static_cast<double>(ReadKey(files.cpu + "/cpu.stat", "usage_usec")) / 1e6,
            .memory_bytes = Without(ReadNumber(files.memory + "/memory.current"),
                                    ReadKey(files.memory + "/memory.stat", "inactive_file")),
            .oom_kills = ReadKey(files.memory + "/memory.events", "oom_kill")};
  }
  return {.cpu_seconds = static_cast<double>(ReadNumber(files.cpuacct + "/cpuacct.usage")) / 1e9,
          .memory_bytes = Without(ReadNumber(files.memory + "/memory.usage_in_bytes"),
                                  ReadKey(files.memory + "/memory.stat", "total_inactive_file")),
          .oom_kills = ReadKey(files.memory + "/memory.oom_control", "oom_kill")};
}

Status WriteControlFile(const std::string& path, std::string_view value) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, Open(path, O_WRONLY));
  if (write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size())) return {};
  return FailErrno(fmt::format("write \"{}\" to {}", value, path));
}

}  // namespace burrow::os

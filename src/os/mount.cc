#include "os/mount.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/paths.h"
#include "os/cgroup_files.h"
#include "os/mountinfo.h"

namespace burrow::os {
namespace {

Status UnmountNow(const std::string& target) {
  if (umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  return FailErrno(fmt::format("unmount {}", target));
}

// Mount points below, longest first, so that what is nested goes before what carries it.
Result<std::vector<std::string>> PointsBelow(const std::string& directory) {
  BURROW_ASSIGN_OR_RETURN(const auto entries, ReadMountinfo());
  std::vector<std::string> points;
  for (const MountEntry& entry : entries) {
    if (IsBelow(entry.point, directory)) points.push_back(entry.point);
  }
  std::ranges::sort(points, std::greater{}, &std::string::size);
  return points;
}

int CountThreads() {
  int count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator task("/proc/self/task", error), end; !error && task != end;
       task.increment(error)) {
    ++count;
  }
  return count;
}

constexpr int kOwnThreads =
#if __has_feature(thread_sanitizer)
    2;  // its runtime has one that does no file work
#else
    1;
#endif

// crun 1.8 takes a host with both hierarchies for an error, even where the second has nothing that containers need.
Status UnmountSpareUnified() {
  BURROW_ASSIGN_OR_RETURN(const auto mounts, ReadMountinfo());
  const auto hierarchies = FindCgroupHierarchies(mounts, "");
  if (!hierarchies) return {};  // v1 does not serve here, or not alone
  for (const MountEntry& mount : mounts) {
    if (mount.type == "cgroup2") BURROW_RETURN_IF_ERROR(UnmountNow(mount.point));
  }
  return {};
}

}  // namespace

Mount& Mount::operator=(Mount&& other) noexcept {
  std::swap(target_, other.target_);
  return *this;
}

Mount::~Mount() {
  if (!target_.empty()) umount2(target_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

Status Mount::Unmount() {
  if (target_.empty()) return {};
  return UnmountNow(std::exchange(target_, {}));
}

Result<Mount> BindMount(const std::string& source, const std::string& target, bool read_only) {
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return FailErrno(fmt::format("bind {} to {}", source, target));
  }
  Mount mounted(target);
  constexpr unsigned long kReadOnly = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (read_only && mount(nullptr, target.c_str(), nullptr, kReadOnly, nullptr) != 0) {
    return FailErrno(fmt::format("make {} read-only", target));
  }
  return mounted;
}

Result<Mount> MountErofs(const std::string& image, const std::string& target) {
  if (mount(image.c_str(), target.c_str(), "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) == 0) {
    return Mount(target);
  }
  return FailErrno(fmt::format("mount {} as EROFS", image));
}

Result<Mount> MountTmpfs(const std::string& target, uint64_t size_bytes) {
  const std::string data = fmt::format("size={},mode=0755", size_bytes);
  if (mount("tmpfs", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, data.c_str()) != 0) {
    return FailErrno(fmt::format("mount tmpfs on {}", target));
  }
  return Mount(target);
}

Status UnmountBelow(const std::string& directory) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(directory, error).string();
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return FailErrno(fmt::format("resolve {}", directory), error.value());
  BURROW_ASSIGN_OR_RETURN(const auto points, PointsBelow(path));
  Status result;
  for (const std::string& point : points) {
    // EINVAL and ENOENT: went together with the mount that carried it.
    if (umount2(point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT) continue;
    result = FailErrno(fmt::format("unmount {}", point));
  }
  return result;
}

Status EnterOwnMountNamespace() {
  if (CountThreads() > kOwnThreads) {
    return Fail(Code::kFailedPrecondition, "the mount namespace must be entered before threads are started");
  }
  if (unshare(CLONE_NEWNS) != 0) {
    if (errno == EPERM) return Fail(Code::kPermissionDenied, "a mount namespace needs root: start burrowd as root");
    return FailErrno("enter a mount namespace");
  }
  if (mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return FailErrno("make mounts private");
  return UnmountSpareUnified();
}

}  // namespace burrow::os

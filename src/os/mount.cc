#include "os/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/unique_fd.h"
#include "os/cgroup_files.h"
#include "os/fs.h"
#include "os/mountinfo.h"

namespace burrow::os {
namespace {

constexpr unsigned long kOverlayFlags = MS_NODEV;
// `volatile`: what a container wrote is worth nothing after a crash of the machine, so its fsync need not reach the
// disk.
constexpr const char* kOverlaySettings = "redirect_dir=off,metacopy=off,index=off,xino=off,volatile";
constexpr size_t kMountDataLimit = 4095;

Status UnmountNow(const std::string& target) {
  if (umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  return FailErrno(fmt::format("unmount {}", target));
}

std::string Escape(std::string_view path) {
  std::string escaped;
  for (char c : path) {
    if (c == ':' || c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string OverlayData(const OverlayOptions& options) {
  std::string lower;
  for (const std::string& layer : options.lower) {
    if (!lower.empty()) lower += ':';
    lower += Escape(layer);
  }
  return fmt::format("lowerdir={},upperdir={},workdir={},{}", lower, Escape(options.upper), Escape(options.work),
                     kOverlaySettings);
}

bool Set(int context, const char* key, const char* value) {
  return syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

Status ConfigureOverlay(int context, const OverlayOptions& options) {
  for (const std::string& layer : options.lower) {
    if (Set(context, "lowerdir+", layer.c_str())) continue;
    if (errno != EINVAL) return FailErrno(fmt::format("overlay over {}", layer));
    return Fail(Code::kInvalidArgument, "an overlay of {} layers needs Linux 6.8 or shorter paths",
                options.lower.size());
  }
  bool ok =
      Set(context, "upperdir", Escape(options.upper).c_str()) && Set(context, "workdir", Escape(options.work).c_str());
  for (const char* key : {"redirect_dir", "metacopy", "index", "xino"}) ok = ok && Set(context, key, "off");
  ok = ok && syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "volatile", nullptr, 0) == 0 &&
       syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!ok) return FailErrno("configure overlay");
  return {};
}

// For lists of layers that do not fit into the one page of mount(2).
Status MountLongOverlay(const OverlayOptions& options, const std::string& target) {
  UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context.valid()) return FailErrno("fsopen overlay");
  BURROW_RETURN_IF_ERROR(ConfigureOverlay(context.get(), options));
  UniqueFd mount(static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV)));
  if (!mount.valid()) return FailErrno("fsmount overlay");
  if (syscall(SYS_move_mount, mount.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return FailErrno(fmt::format("mount overlay on {}", target));
  }
  return {};
}

bool IsBelow(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
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

Result<Mount> MountOverlay(const OverlayOptions& options, const std::string& target) {
  if (options.lower.empty()) return Fail(Code::kInvalidArgument, "an overlay needs at least one lower directory");
  const std::string data = OverlayData(options);
  if (data.size() > kMountDataLimit) {
    BURROW_RETURN_IF_ERROR(MountLongOverlay(options, target));
  } else if (mount("overlay", target.c_str(), "overlay", kOverlayFlags, data.c_str()) != 0) {
    return FailErrno(fmt::format("mount overlay on {}", target));
  }
  return Mount(target);
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

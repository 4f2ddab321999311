#include "runtime/mount_exchange.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <thread>

#include "os/mountinfo.h"
#include "runtime/mount_holder.h"

namespace burrow::runtime {
namespace {

// A lookup by another process counts as a use for its few microseconds.
constexpr int kTries = 3;

Result<UniqueFd> CloneMount(const std::string& path) {
  UniqueFd fd(static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!fd.valid()) return FailErrno(fmt::format("clone the mount {}", path));
  return fd;
}

Result<std::string> ReadAll(int file) {
  std::string text;
  std::array<char, 16384> piece{};
  for (;;) {
    const ssize_t size = ::read(file, piece.data(), piece.size());
    if (size < 0) return FailErrno("read a container's mounts");
    if (size == 0) return text;
    text.append(piece.data(), static_cast<size_t>(size));
  }
}

std::string DeviceText(dev_t device) { return fmt::format("{}:{}", major(device), minor(device)); }

Result<os::MountEntry> FindMount(const ContainerMounts& mounts, dev_t device) {
  BURROW_ASSIGN_OR_RETURN(const std::string text, ReadAll(mounts.mountinfo.get()));
  const auto entries = os::ParseMountinfo(text);
  const auto found = std::ranges::find(entries, DeviceText(device), &os::MountEntry::device);
  if (found == entries.end()) return Fail(Code::kNotFound, "container {} does not have that mount", mounts.name);
  return *found;
}

// By its last names: what comes before them depends on how the filesystem is mounted here.
Result<os::MountEntry> FindFloor(const ContainerMounts& mounts, const std::string& floor) {
  size_t tail = floor.size();
  for (int names = 0; names < 3 && tail != std::string::npos && tail > 0; ++names) tail = floor.rfind('/', tail - 1);
  if (tail == std::string::npos) return Fail(Code::kInvalidArgument, "'{}' has less than three names", floor);
  BURROW_ASSIGN_OR_RETURN(const std::string text, ReadAll(mounts.mountinfo.get()));
  const auto entries = os::ParseMountinfo(text);
  const auto found = std::ranges::find_if(
      entries, [&](const os::MountEntry& entry) { return entry.root.ends_with(floor.substr(tail)); });
  if (found == entries.end()) return Fail(Code::kNotFound, "container {} does not have {}", mounts.name, floor);
  return *found;
}

// What happens inside the container's mount namespace, on a thread that lives for nothing else.
class Exchanger {
 public:
  // `root`: of what is mounted there; of its inode 0 is any. Without `before` nothing is unmounted.
  Exchanger(const ContainerMounts& mounts, const os::MountEntry& mount, const struct stat& root, UniqueFd before,
            UniqueFd now)
      : mounts_(mounts),
        point_(mount.point),
        name_(point_.substr(point_.rfind('/') + 1)),
        device_(root.st_dev),
        inode_(root.st_ino),
        before_(std::move(before)),
        now_(std::move(now)) {}

  Status Run() {
    BURROW_RETURN_IF_ERROR(Enter());
    BURROW_RETURN_IF_ERROR(OpenParent());
    if (!before_.valid()) return Attach(now_);
    BURROW_RETURN_IF_ERROR(Unmount());
    Status moved = Attach(now_);
    if (!moved && !Attach(before_)) return Forward(std::move(moved.error()).WithContext("the old mount is gone, too"));
    return moved;
  }

 private:
  Status Enter() const {
    if (unshare(CLONE_FS) != 0 || setns(mounts_.mount_namespace.get(), CLONE_NEWNS) != 0)
      return FailErrno("join the container's mount namespace");
    return {};
  }

  // The container may rename what is on the way, but not the mount's own directory, once its parent is held.
  Status OpenParent() {
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
    const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    const std::string parent = point_.substr(0, point_.rfind('/') + 1);
    parent_.Reset(static_cast<int>(syscall(SYS_openat2, root.get(), parent.c_str(), &how, sizeof how)));
    struct stat st{};
    if (!parent_.valid() || fstatat(parent_.get(), name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
      return FailErrno(fmt::format("find {} in the container", point_));
    if (st.st_dev != device_ || (inode_ != 0 && st.st_ino != inode_))
      return Fail(Code::kAborted, "{} moved meanwhile; try again", point_);
    if (fchdir(parent_.get()) != 0) return FailErrno(fmt::format("enter the directory of {}", point_));
    return {};
  }

  Status Unmount() const {
    for (int attempt = 1;; ++attempt) {
      if (umount2(name_.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
      if (errno != EBUSY) return FailErrno(fmt::format("unmount {} in the container", point_));
      if (attempt == kTries) return Fail(Code::kAborted, "files in {} are open", point_);
    }
  }

  Status Attach(const UniqueFd& mount) const {
    if (syscall(SYS_move_mount, mount.get(), "", parent_.get(), name_.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
    return FailErrno(fmt::format("mount at {} in the container", point_));
  }

  const ContainerMounts& mounts_;
  const std::string point_, name_;
  const dev_t device_;
  const ino_t inode_;
  UniqueFd before_, now_, parent_;
};

Status RunOnOwnThread(Exchanger& exchanger) {
  Status result;
  try {
    std::jthread([&] { result = exchanger.Run(); }).join();
  } catch (const std::system_error& error) {
    return Fail(Code::kResourceExhausted, "start a thread: {}", error.what());
  }
  return result;
}

}  // namespace

Status ExchangeMount(const ContainerMounts& mounts, const std::string& before, const std::string& now) {
  if (mounts.engine == Engine::kRunsc) {
    return Fail(Code::kUnimplemented,
                "a container under runsc keeps the mounts that it began with: what others wrote is seen by containers "
                "that start later, or under crun");
  }
  struct stat st{};
  if (stat(before.c_str(), &st) != 0) return FailErrno(before);
  BURROW_ASSIGN_OR_RETURN(const os::MountEntry mount, FindMount(mounts, st.st_dev));
  BURROW_ASSIGN_OR_RETURN(UniqueFd old_clone, CloneMount(before));
  BURROW_ASSIGN_OR_RETURN(UniqueFd new_clone, CloneMount(now));
  st.st_ino = 0;
  Exchanger exchanger(mounts, mount, st, std::move(old_clone), std::move(new_clone));
  Status exchanged = RunOnOwnThread(exchanger);
  if (exchanged || exchanged.error().code() != Code::kAborted) return exchanged;
  const std::string holder = FindHolder(mounts, mount);
  return Fail(Code::kAborted, "{} is in use: {}", mount.point,
              holder.empty() ? "a process has a file of it open" : holder);
}

Status CoverMount(const ContainerMounts& mounts, const std::string& floor, const std::string& now) {
  struct stat st{};
  if (stat(floor.c_str(), &st) != 0) return FailErrno(floor);
  BURROW_ASSIGN_OR_RETURN(const os::MountEntry mount, FindFloor(mounts, floor));
  BURROW_ASSIGN_OR_RETURN(UniqueFd clone, CloneMount(now));
  Exchanger exchanger(mounts, mount, st, {}, std::move(clone));
  return RunOnOwnThread(exchanger);
}

}  // namespace burrow::runtime

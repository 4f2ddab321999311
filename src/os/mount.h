// Mounts that end with their owner. Blocking; any thread. Mounts are made in the caller's mount namespace.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"

namespace burrow::os {

// One mount point. The destructor unmounts lazily (MNT_DETACH), so that it never blocks on a busy file.
class Mount {
 public:
  Mount() = default;
  explicit Mount(std::string target) : target_(std::move(target)) {}
  Mount(Mount&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  Mount& operator=(Mount&& other) noexcept;
  ~Mount();

  const std::string& target() const { return target_; }
  Status Unmount();  // now; the destructor then does nothing
  std::string Release() { return std::exchange(target_, {}); }

 private:
  std::string target_;
};

Result<Mount> BindMount(const std::string& source, const std::string& target, bool read_only);
// A file that is an EROFS image, without a loop device; it must not change while it is mounted. Fails where the kernel
// is older than 6.12.
Result<Mount> MountErofs(const std::string& image, const std::string& target);
Result<Mount> MountTmpfs(const std::string& target, uint64_t size_bytes);

// Unmounts, deepest first, every mount below `directory` in this namespace: what an earlier process left.
Status UnmountBelow(const std::string& directory);

// Moves the calling, single-threaded process into a mount namespace of its own whose mounts do not propagate outwards,
// and unmounts there the cgroup2 hierarchy of a hybrid host (cpu, memory and pids are on v1), since crun refuses hybrid
// mode.
Status EnterOwnMountNamespace();

}  // namespace burrow::os

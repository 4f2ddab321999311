#include "os/disk_room.h"

#include <sys/statvfs.h>

#include <cstdint>

namespace burrow::os {

Status CheckDiskRoom(const std::string& path, uint64_t keep_free) {
  struct statvfs disk{};
  if (::statvfs(path.c_str(), &disk) != 0) return FailErrno("examine the disk of " + path);
  if (uint64_t{disk.f_bavail} * disk.f_frsize >= keep_free) return {};
  return Fail(Code::kResourceExhausted, "the server's disk is nearly full: free some space in its state directory");
}

Status DiskRoom::Take(uint64_t bytes) {
  unseen_ += bytes;
  if (unseen_ < kEvery) return {};
  unseen_ = 0;
  return CheckDiskRoom(path_, keep_free_);
}

Status DiskRoom::TakeWhole(uint64_t bytes) {
  if (bytes < kEvery) return Take(bytes);
  unseen_ = 0;
  return CheckDiskRoom(path_, bytes > UINT64_MAX - keep_free_ ? UINT64_MAX : keep_free_ + bytes);
}

}  // namespace burrow::os

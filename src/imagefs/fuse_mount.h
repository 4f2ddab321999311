// A FUSE filesystem, mounted and agreed on with the kernel, that waits for a process to serve it.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "imagefs/session.h"
#include "os/mount.h"

namespace burrow::imagefs {

struct FuseMount {
  os::Mount mount;
  UniqueFd device;  // whoever reads it serves; requests wait while nobody does
  Features features;
};

// Mounts on an existing directory, read-only, and answers the kernel's INIT, so that a serving process may come and go.
// kFailedPrecondition where there is no /dev/fuse or the kernel is too old, kPermissionDenied without root.
Result<FuseMount> MountFuse(const std::string& target);

}  // namespace burrow::imagefs

// Who in a container has something of a mount in use. Blocking; any thread. Private to this module.
#pragma once

#include <string>

#include "os/mountinfo.h"
#include "runtime/container.h"

namespace burrow::runtime {

// "python3 has /data/f open", or nothing where nobody is found: processes come and go meanwhile.
std::string FindHolder(const ContainerMounts& mounts, const os::MountEntry& mount);

}  // namespace burrow::runtime

// Another mount in the place of one that a running container has, or upon it. Blocking; any thread.
#pragma once

#include <string>

#include "base/error.h"
#include "runtime/container.h"

namespace burrow::runtime {

// Where the container has the filesystem that is mounted at `before` in the caller's mount namespace, it has a clone of
// the mount at `now` instead. Nothing changes on failure: kAborted, naming who, while a process of the container
// has something of it open, mapped, or as its directory; kUnimplemented under runsc, whose kernel keeps mounts
// of its own. The filesystem must be mounted nowhere else in the container. A name that is looked up in between may
// lead to the empty directory below the mount.
Status ExchangeMount(const ContainerMounts& mounts, const std::string& before, const std::string& now);

// Where the container has the directory `floor` of the caller's mount namespace bound, a clone of the mount at `now`
// lies upon it from then on. The last three names of `floor` are those of no other bind of it. Nothing changes on
// failure.
Status CoverMount(const ContainerMounts& mounts, const std::string& floor, const std::string& now);

}  // namespace burrow::runtime

// Mount targets that an image lacks. They go into a lowest overlay layer of their own, so that the engine finds them
// and makes none in the upper directory, which is what becomes an image's layer.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/container.h"

namespace burrow::runtime {

// Fills the empty directory `skeleton` with an empty file or directory (as the source is) for each bind, and with
// /proc, /dev and /sys. A target that is a link in the image at `lower` gets its mount point where the link leads, read
// inside the image only.
Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<Bind>& binds);

}  // namespace burrow::runtime

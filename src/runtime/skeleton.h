// Mount targets that an image lacks. They go into an overlay layer of their own, so that the engine finds them and
// makes none in the upper directory, which is what becomes an image's layer. That layer lies above the image, since
// overlay looks for a file's content in data-only layers from the lowest directory alone; it holds nothing that the
// image has but the directories on the way, with the image's attributes.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/container.h"

namespace burrow::runtime {

// Fills the empty directory `skeleton` with an empty file or directory (as the source is) for each bind, and with
// /proc, /dev and /sys, where the image at `lower` has none. A target that is a link in the image gets its mount point
// where the link leads, read inside the image only.
Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<Bind>& binds);

}  // namespace burrow::runtime

// Mount targets that an image lacks. They go into an overlay layer of their own, so that the engine finds them and
// makes none in the upper directory, which is what becomes an image's layer. That layer lies above the image, since
// overlay looks for a file's content in data-only layers from the lowest directory alone; it holds nothing that the
// image has but the directories on the way, with the image's attributes.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace burrow::runtime {

struct MountPoint {
  std::string target;  // absolute inside the container
  bool directory = true;
  unsigned mode = 0755;  // of a directory that the image lacks
};

// Fills the empty directory `skeleton` with an empty file or directory for each mount point, and with /proc, /dev and
// /sys, where the image at `lower` has none. Where the image has links on the way to a target, its mount point is made
// where they lead, read inside the image only.
Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<MountPoint>& points);

}  // namespace burrow::runtime

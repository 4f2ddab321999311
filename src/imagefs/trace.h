// From what a recording noted to what is worth fetching ahead. Pure.
#pragma once

#include <span>
#include <vector>

#include "cas/prefetch.h"
#include "image/index.h"
#include "imagefs/access_log.h"

namespace burrow::imagefs {

// The image's files that were asked for, in order, each with the frames that were read of it. What others read
// meanwhile is noted, too: only files of the image count, and frames of those that were asked for.
std::vector<cas::HotBlob> HotBlobsOf(std::span<const Access> accesses, const image::Index& index);

}  // namespace burrow::imagefs

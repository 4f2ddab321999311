// What lies in a volume, a page at a time. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "control/messages.h"
#include "image/index.h"

namespace burrow::control {

inline constexpr uint32_t kMaxVolumeEntries = 10'000;    // of one page
inline constexpr size_t kMaxVolumePageBytes = 4u << 20;  // the same, about

// kNotFound where nothing is at the path, kInvalidArgument where it or `after` is none. Directories come before what is
// in them.
Result<pb::VolumeEntriesResponse> ListVolume(const image::Index& index, const pb::VolumeEntriesRequest& request);

}  // namespace burrow::control

// How much of a disk a directory takes. Blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace burrow::os {

// The space that the trees below the directories take together, in bytes; links and other filesystems are not followed,
// and what has several names counts in parts. It may change meanwhile. A directory that is not there counts 0. What
// lies deeper than 128 directories, or has lost its name, is not counted.
uint64_t TreeBytes(const std::vector<std::string>& directories);

}  // namespace burrow::os

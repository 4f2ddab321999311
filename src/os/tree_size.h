// How much of a disk a directory takes. Blocking.
#pragma once

#include <cstdint>
#include <string>

namespace burrow::os {

// The space that the tree below `directory` takes, in bytes; links and other filesystems are not followed, and what has
// several names counts in parts. It may change meanwhile. 0 where there is no such directory. What lies deeper than 128
// directories, or has lost its name, is not counted.
uint64_t TreeBytes(const std::string& directory);

}  // namespace burrow::os

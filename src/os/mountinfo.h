// The mount table of this process, as /proc/self/mountinfo tells it. Parsing is pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::os {

struct MountEntry {
  std::string root;           // the part of the filesystem that is mounted
  std::string point;          // unescaped
  std::string type;           // "ext4", "cgroup2"
  std::string super_options;  // "rw,memory"
  std::string id;             // as /proc/PID/fdinfo tells it
  std::string device;         // "0:57"
};

// In mount order. Lines that do not parse are left out.
std::vector<MountEntry> ParseMountinfo(std::string_view text);
Result<std::vector<MountEntry>> ReadMountinfo();

}  // namespace burrow::os

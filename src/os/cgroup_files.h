// The control files of one cgroup: which ones there are, what limits are written and how usage is read, for v1 and v2.
// Works on plain paths, so that it can be tested on a directory tree that is no cgroup filesystem.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "os/mountinfo.h"

namespace burrow::os {

struct CgroupLimits {
  double cpus = 0;            // cores; 0: none
  uint64_t memory_bytes = 0;  // 0: none; swap is forbidden where the kernel counts it
  uint64_t pids = 0;          // 0: none
};

struct CgroupUsage {
  double cpu_seconds = 0;
  uint64_t memory_bytes = 0;  // without page cache that could be dropped at once
  uint64_t oom_kills = 0;
};

// One group's directory in each controller's hierarchy; on v2 all four are the same.
struct CgroupFiles {
  bool unified = false;
  std::string cpu, cpuacct, memory, pids;

  // Without repetition: v1 controllers may share a hierarchy.
  std::vector<std::string> Directories() const;
  // The child group of that name.
  CgroupFiles Child(const std::string& name) const;
};

// The tops of the mounted hierarchies, and every other hierarchy's top (an OCI runtime makes groups there too).
struct CgroupHierarchies {
  CgroupFiles tops;
  std::vector<std::string> all;
};
// Pure but for `unified_controllers`, the text of cgroup.controllers of the cgroup2 mount. kFailedPrecondition, with
// what to do, where cpu, memory or pids is in neither version.
Result<CgroupHierarchies> FindCgroupHierarchies(const std::vector<MountEntry>& mounts,
                                                std::string_view unified_controllers);

Status WriteCgroupLimits(const CgroupFiles& files, const CgroupLimits& limits);
// What cannot be read counts as 0.
CgroupUsage ReadCgroupUsage(const CgroupFiles& files);
// One write(2), without creating the file.
Status WriteControlFile(const std::string& path, std::string_view value);

}  // namespace burrow::os

// Resource control groups on cgroup v1, v2 and hybrid hosts alike. Blocking; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/cgroup_files.h"

namespace burrow::os {

// One container's group in each controller's hierarchy. The destructor kills what is inside and removes it.
class Cgroup {
 public:
  Cgroup(Cgroup&&) noexcept;
  Cgroup& operator=(Cgroup&&) noexcept;
  ~Cgroup();

  // Files into which a single-threaded process writes "0" to join (one per hierarchy).
  const std::vector<std::string>& procs_files() const { return procs_files_; }
  Status SetLimits(const CgroupLimits& limits);
  CgroupUsage Usage() const;
  // Kills every process inside and waits for the group to be empty; kDeadlineExceeded otherwise.
  Status Kill(std::chrono::milliseconds deadline);
  // Kill and rmdir, within a few seconds. Later calls do nothing.
  Status Remove();
  // The group's path below the top of each hierarchy: "/burrow-<name>/<child>".
  const std::string& path() const { return path_; }

 private:
  friend class CgroupRoot;
  Cgroup() = default;
  CgroupFiles files_;
  std::vector<std::string> directories_;  // of every hierarchy, also those that only an OCI runtime uses
  std::string path_;
  std::vector<std::string> procs_files_;
};

// The parent group of everything that one Burrow instance runs: "burrow-<name>" at the top of each hierarchy. Holds no
// resource: RemoveAll(true) is what takes the group away.
class CgroupRoot {
 public:
  // Finds the mounted hierarchies; kFailedPrecondition, with what to do, where memory, cpu or pids is missing.
  static Result<CgroupRoot> Open(const std::string& name);
  Result<Cgroup> Create(const std::string& child, const CgroupLimits& limits);
  // Kills and removes every child: what an earlier process left; with `self`, the parent group too.
  Status RemoveAll(bool self);

 private:
  CgroupFiles files_;
  std::vector<std::string> directories_;  // of every hierarchy
  std::string path_;
};

}  // namespace burrow::os

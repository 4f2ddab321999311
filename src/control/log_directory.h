// The stored log of one app: what Burrow says in a file of its own, what each container prints in a ring of its own, so
// that one that says much costs others none of their lines. Blocking; one thread at a time for one app.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "control/limits.h"
#include "control/log_file.h"
#include "control/log_filter.h"
#include "control/messages.h"

namespace burrow::control {

struct LogQuota {
  uint64_t container_bytes = kMaxContainerLogBytes;  // a ring is two files of half of it
  uint64_t app_bytes = kMaxAppLogBytes;              // of all rings together
  size_t containers = kMaxContainerLogs;             // rings
};

class LogDirectory {
 public:
  // `path` without an ending: "<path>.jsonl" is Burrow's own file, "<path>/" has the containers'. Neither need exist.
  LogDirectory(std::string path, std::string app_id, LogQuota quota = {})
      : path_(std::move(path)), app_id_(std::move(app_id)), quota_(quota) {}

  // Whole lines by container id; "" and what is no id: Burrow's own. Where a ring turns or begins, those that were
  // written to longest ago go until the quota holds.
  Status Append(const std::map<std::string, std::string>& lines) const;
  // The last `tail` lines (0: all) that the filter takes, by time; those of one container keep their order.
  Result<std::vector<pb::LogLine>> Read(uint32_t tail, const LogFilter& filter) const;
  void Remove() const;

 private:
  std::string OwnFile() const { return path_ + ".jsonl"; }
  std::string RingOf(const std::string& container) const { return path_ + "/" + container + ".jsonl"; }
  Result<Appended> AppendToRing(const std::string& ring, const std::string& lines) const;
  void KeepQuota() const;
  std::vector<std::string> FilesFor(const LogFilter& filter) const;

  std::string path_, app_id_;
  LogQuota quota_;
};

}  // namespace burrow::control

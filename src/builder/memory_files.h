// Files of one step that never touch a disk: secrets, sockets, lists of requirements. Blocking; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "os/mount.h"

namespace burrow::builder {

struct FileOwner {
  uint32_t mode = 0400, uid = 0, gid = 0;
};

// A filesystem in memory at `directory`; gone with this object.
class MemoryFiles {
 public:
  // The directory goes after this object.
  explicit MemoryFiles(std::string directory) : directory_(std::move(directory)) {}

  // Its directory, mounted by the first call.
  Result<std::string> Directory();
  // A new file; gives its path.
  Result<std::string> Add(std::string_view content, const FileOwner& owner);

 private:
  std::string directory_;
  os::Mount mount_;
  uint32_t count_ = 0;
};

}  // namespace burrow::builder

// A large value on its way, in a file without a name instead of in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::worker {

// Written by pieces, then finished, then read. One thread at a time; every function blocks on the disk.
class Spool {
 public:
  // In a directory of a filesystem that has room. Where that fails, every later call says why.
  explicit Spool(const std::string& directory);

  Status Append(std::string_view data);
  // Nothing more is appended.
  Result<cas::Digest> Finish();
  // Up to `limit` bytes from `offset`; fewer only at the end.
  Result<std::string> Read(uint64_t offset, size_t limit) const;

  uint64_t size() const { return size_; }
  int fd() const { return file_.get(); }

 private:
  Status status_;
  UniqueFd file_;
  cas::Hasher hasher_;
  uint64_t size_ = 0;
};

}  // namespace burrow::worker

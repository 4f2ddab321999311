// Whether a disk has room for more. Blocking.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace burrow::os {

// Bytes that whatever comes from outside leaves to the rest of the server.
inline constexpr uint64_t kKeepFree = 512ull << 20;

// kResourceExhausted where less than `keep_free` bytes of the path's filesystem are free. Any thread.
Status CheckDiskRoom(const std::string& path, uint64_t keep_free);

// Checks again and again while something of unknown size is written. One thread.
class DiskRoom {
 public:
  static constexpr uint64_t kEvery = 64u << 20;  // bytes from one look to the next
  DiskRoom(std::string path, uint64_t keep_free) : path_(std::move(path)), keep_free_(keep_free) {}
  // Before some bytes are written; looks at the first ones, too.
  Status Take(uint64_t bytes);
  // Before a file of known size is written at once.
  Status TakeWhole(uint64_t bytes);

 private:
  const std::string path_;
  const uint64_t keep_free_;
  uint64_t unseen_ = kEvery;  // bytes since the last look
};

}  // namespace burrow::os

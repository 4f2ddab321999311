// Reads that failed a moment ago. The kernel repeats a read-ahead that failed as a read, at once and in the name of the
// same reader: that gets the same answer, and its reader does not wait until the deadline twice.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>

#include "cas/digest.h"

namespace burrow::imagefs {

// Any thread.
class RecentFailures {
 public:
  struct Part {
    cas::Digest blob;
    uint64_t frame = 0;
    uint32_t reader = 0;  // the process that the kernel names
    auto operator<=>(const Part&) const = default;
  };
  // `memory`: as long as a busy machine may take until the kernel comes back.
  explicit RecentFailures(std::chrono::milliseconds memory) : memory_(memory) {}

  void Note(const Part& part) {
    const auto now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    std::erase_if(until_, [&](const auto& item) { return item.second < now; });
    until_[part] = now + memory_;
  }
  // Whether that failed. Says so once: who comes next tries again.
  bool Take(const Part& part) {
    std::lock_guard lock(mutex_);
    auto found = until_.extract(part);
    return !found.empty() && std::chrono::steady_clock::now() <= found.mapped();
  }

 private:
  const std::chrono::milliseconds memory_;
  std::mutex mutex_;
  std::map<Part, std::chrono::steady_clock::time_point> until_;  // guarded by mutex_
};

}  // namespace burrow::imagefs

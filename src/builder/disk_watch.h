// Keeps one step from filling the disk of all. Blocking, but cheap; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

struct DiskBounds {
  uint64_t step_bytes = 64ull << 30;    // that one step may write
  uint64_t reserve_bytes = 2ull << 30;  // of its filesystem that stay free; never more than a twentieth of it
};

class DiskWatch {
 public:
  // `directories` are written by the step and may not be there yet; all are on the filesystem of `place`, which exists.
  DiskWatch(DiskBounds bounds, std::string place, std::vector<std::string> directories);

  // To be called now and then: asks the filesystem each time, and measures the directories as often as a fiftieth of
  // the time allows. kResourceExhausted says what there is too much or too little of. What lies deeper than 128
  // directories, or has lost its name, is left to the reserve.
  Status Check();

 private:
  Status CheckFree() const;
  Status CheckWritten();

  DiskBounds bounds_;
  std::string place_;
  std::vector<std::string> directories_;
  std::chrono::steady_clock::time_point next_measure_;
};

}  // namespace burrow::builder

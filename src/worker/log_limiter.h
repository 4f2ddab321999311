// How fast one container may log before lines are left out. Pure; one thread.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace burrow::worker {

class LogLimiter {
 public:
  // A burst, and what flows back per second.
  struct Bounds {
    double burst_lines = 50'000, lines_per_second = 10'000;
    double burst_bytes = 16 << 20, bytes_per_second = 4 << 20;
  };
  LogLimiter() : LogLimiter(Bounds()) {}
  explicit LogLimiter(Bounds bounds) : bounds_(bounds), lines_(bounds.burst_lines), bytes_(bounds.burst_bytes) {}

  // True when a line of that size may be sent now; else it is counted as dropped. After a drop lines flow again in
  // stretches, not one by one, so that what is read makes sense and the gaps are few.
  bool Admit(SteadyTime now, uint64_t bytes);
  // Lines dropped since the last call that told of them, once lines flow again; 0 otherwise.
  uint64_t TakeDropped();
  uint64_t dropped() const { return dropped_; }

 private:
  Bounds bounds_;
  double lines_, bytes_;
  SteadyTime last_{};
  uint64_t dropped_ = 0;
  bool choked_ = false;
};

}  // namespace burrow::worker

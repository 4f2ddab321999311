// A clock whose wall time moves only when a test says so.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace burrow::control::testing {

// Any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(uint64_t unix_ms) : unix_ms_(unix_ms) {}
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  uint64_t UnixMillis() const override { return unix_ms_; }
  void Advance(Millis by) { unix_ms_ += static_cast<uint64_t>(by.count()); }

 private:
  std::atomic<uint64_t> unix_ms_;
};

}  // namespace burrow::control::testing

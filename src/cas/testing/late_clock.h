// The system's clock as it will be in an hour.
#pragma once

#include "base/clock.h"

namespace burrow::cas::testing {

class LateClock final : public Clock {
 public:
  SteadyTime Now() const override { return SystemClock().Now(); }
  uint64_t UnixMillis() const override { return SystemClock().UnixMillis() + 3'600'000; }
};

}  // namespace burrow::cas::testing

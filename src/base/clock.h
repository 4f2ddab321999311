// Time as an interface, so that deciding code can be driven by a test or a simulator.
#pragma once

#include <chrono>
#include <cstdint>

namespace burrow {

using Millis = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime Now() const = 0;
  virtual uint64_t UnixMillis() const = 0;
};

// The machine's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  uint64_t UnixMillis() const override {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count());
  }
};

// For people: {:g} prints 1.5 or 30.
inline double Seconds(Millis duration) { return std::chrono::duration<double>(duration).count(); }

inline double MillisBetween(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace burrow

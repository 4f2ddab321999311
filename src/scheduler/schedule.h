// When a function with a schedule is called next, and which missed call is made up. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "scheduler/cron.h"
#include "scheduler/time_zone.h"

namespace burrow::scheduler {

// From one call to the next: months of the calendar in UTC, then milliseconds. In a month that lacks the day, its last
// day counts. Not all of it is 0.
struct CallPeriod {
  uint32_t months = 0;
  uint64_t ms = 0;
};

// All times are Unix milliseconds.
class CallSchedule {
 public:
  static CallSchedule OfCron(CronExpression cron, TimeZone zone);
  static CallSchedule OfPeriod(CallPeriod period);

  // The first time after `last_ms`, that of the last call. None: never again.
  std::optional<uint64_t> NextAfter(uint64_t last_ms) const;
  // The latest time after `last_ms` and up to `now_ms`, if there is one: of several that were missed only this one is
  // made up.
  std::optional<uint64_t> LatestDue(uint64_t last_ms, uint64_t now_ms) const;

 private:
  std::optional<CronExpression> cron_;
  TimeZone zone_;
  CallPeriod period_;
};

// How long before a scheduled call a container is started for it: long enough to be ready by then, and not so long that
// it stops idle first, `window` after it is ready. `start_ms`: what the function's last start took; absent before the
// first.
std::chrono::milliseconds StartAhead(std::optional<double> start_ms, std::chrono::milliseconds window);

}  // namespace burrow::scheduler

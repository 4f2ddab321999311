#include "scheduler/schedule.h"

#include <algorithm>
#include <utility>

namespace burrow::scheduler {

CallSchedule CallSchedule::OfCron(CronExpression cron, TimeZone zone) {
  CallSchedule schedule;
  schedule.cron_ = cron;
  schedule.zone_ = std::move(zone);
  return schedule;
}

CallSchedule CallSchedule::OfPeriod(uint64_t period_ms) {
  CallSchedule schedule;
  schedule.period_ms_ = period_ms;
  return schedule;
}

std::optional<uint64_t> CallSchedule::NextAfter(uint64_t last_ms) const {
  if (!cron_) return last_ms + period_ms_;
  const auto next = cron_->NextAfter(static_cast<int64_t>(last_ms / 1000), zone_);
  if (!next) return std::nullopt;
  return static_cast<uint64_t>(*next) * 1000;
}

std::optional<uint64_t> CallSchedule::LatestDue(uint64_t last_ms, uint64_t now_ms) const {
  const auto first = NextAfter(last_ms);
  if (!first || *first > now_ms) return std::nullopt;
  if (!cron_) return last_ms + (now_ms - last_ms) / period_ms_ * period_ms_;
  // Looks back further and further, so that a long absence costs no step for each call that it missed.
  uint64_t due = *first;
  for (uint64_t back_ms = 60'000; now_ms - due > back_ms; back_ms *= 2) {
    const auto later = NextAfter(now_ms - back_ms);
    if (later && *later <= now_ms) {
      due = std::max(due, *later);
      break;
    }
  }
  for (auto later = NextAfter(due); later && *later <= now_ms; later = NextAfter(due)) due = *later;
  return due;
}

}  // namespace burrow::scheduler

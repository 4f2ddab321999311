#include "scheduler/schedule.h"

#include <algorithm>
#include <utility>

#include "scheduler/civil_time.h"

namespace burrow::scheduler {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kUnknownStart{10'000};
constexpr milliseconds kLongestStart{600'000};
constexpr milliseconds kLeastMargin{1'000};

uint64_t AddMonths(uint64_t unix_ms, uint32_t months) {
  if (months == 0) return unix_ms;
  constexpr uint64_t kDayMs = kDaySeconds * 1000;
  const CivilDay from = ToCivil(static_cast<int64_t>(unix_ms / kDayMs));
  const int count = from.year * 12 + from.month - 1 + static_cast<int>(months);
  const int year = count / 12, month = count % 12 + 1;
  const int64_t day = FromCivil(year, month, std::min(from.day, DaysOfMonth(year, month)));
  return static_cast<uint64_t>(day) * kDayMs + unix_ms % kDayMs;
}

}  // namespace

CallSchedule CallSchedule::OfCron(CronExpression cron, TimeZone zone) {
  CallSchedule schedule;
  schedule.cron_ = cron;
  schedule.zone_ = std::move(zone);
  return schedule;
}

CallSchedule CallSchedule::OfPeriod(CallPeriod period) {
  CallSchedule schedule;
  schedule.period_ = period;
  return schedule;
}

std::optional<uint64_t> CallSchedule::NextAfter(uint64_t last_ms) const {
  if (!cron_) return AddMonths(last_ms, period_.months) + period_.ms;
  const auto next = cron_->NextAfter(static_cast<int64_t>(last_ms / 1000), zone_);
  if (!next) return std::nullopt;
  return static_cast<uint64_t>(*next) * 1000;
}

std::optional<uint64_t> CallSchedule::LatestDue(uint64_t last_ms, uint64_t now_ms) const {
  const auto first = NextAfter(last_ms);
  if (!first || *first > now_ms) return std::nullopt;
  if (!cron_ && period_.months == 0) return last_ms + (now_ms - last_ms) / period_.ms * period_.ms;
  // Looks back further and further, so that a long absence costs no step for each call that it missed.
  uint64_t due = *first;
  for (uint64_t back_ms = 60'000; cron_ && now_ms - due > back_ms; back_ms *= 2) {
    const auto later = NextAfter(now_ms - back_ms);
    if (later && *later <= now_ms) {
      due = std::max(due, *later);
      break;
    }
  }
  for (auto later = NextAfter(due); later && *later <= now_ms; later = NextAfter(due)) due = *later;
  return due;
}

milliseconds StartAhead(std::optional<double> start_ms, milliseconds window) {
  const milliseconds most_idle = window / 2;
  if (!start_ms) return std::min(kUnknownStart, most_idle);  // it may be ready at once
  const auto bounded = std::clamp(*start_ms, 0.0, static_cast<double>(kLongestStart.count()));
  const milliseconds start(static_cast<int64_t>(bounded));
  return start + std::min(std::max(kLeastMargin, start / 2), most_idle);
}

}  // namespace burrow::scheduler

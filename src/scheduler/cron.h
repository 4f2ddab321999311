// Cron expressions: which readings of a wall clock they name, and when the next one is. Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "scheduler/time_zone.h"

namespace burrow::scheduler {

inline constexpr size_t kMaxCronBytes = 1'000;

// Five fields: minute, hour, day of the month, month, day of the week. A field is a list of `*`, numbers, ranges `a-b`
// and steps `*/n`, `a-b/n`, `a/n` (from a on); months and days of the week also by the first three letters of their
// English names, Sunday as 0 or 7. Where neither day field begins with `*`, a day that either of them names counts.
class CronExpression {
 public:
  // kInvalidArgument, naming the field, where it is none, or no day of any year fits.
  static Result<CronExpression> Parse(std::string_view text);

  // The first reading of a wall clock from `wall_seconds` on (rounded up to a minute) that it names; a reading is in
  // seconds since 1970 as if it were UTC's. None within forty years.
  std::optional<int64_t> NextReading(int64_t wall_seconds) const;
  // The first moment after `unix_seconds` at which it is due in a zone. A reading that clocks skip is due once, when
  // they are set, together with others of that gap; one that they show twice is due at the first.
  std::optional<int64_t> NextAfter(int64_t unix_seconds, const TimeZone& zone) const;

 private:
  bool NamesDay(int64_t day) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;                        // from 1
  std::bitset<13> months_;                      // from 1
  std::bitset<7> weekdays_;                     // from 0, Sunday
  bool any_day_ = false, any_weekday_ = false;  // the field begins with `*`
};

}  // namespace burrow::scheduler

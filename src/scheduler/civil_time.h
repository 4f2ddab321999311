// Dates of the proleptic Gregorian calendar. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace burrow::scheduler {

inline constexpr int64_t kDaySeconds = 86'400;

// Floor division: days before 1970 are negative.
inline int64_t DayOf(int64_t seconds) { return seconds / kDaySeconds - (seconds % kDaySeconds < 0 ? 1 : 0); }
inline int64_t SecondOfDay(int64_t seconds) { return seconds - DayOf(seconds) * kDaySeconds; }

struct CivilDay {
  int year = 1970;
  int month = 1, day = 1;  // from 1
  int weekday = 4;         // 0: Sunday
};

inline CivilDay ToCivil(int64_t days) {
  const std::chrono::sys_days point{std::chrono::days(days)};
  const std::chrono::year_month_day date(point);
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .weekday = static_cast<int>(std::chrono::weekday(point).c_encoding())};
}

inline int64_t FromCivil(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  return std::chrono::sys_days(date).time_since_epoch().count();
}

inline bool IsLeapYear(int year) { return std::chrono::year(year).is_leap(); }

inline int DaysOfMonth(int year, int month) {
  const std::chrono::year_month_day_last last{
      std::chrono::year(year), std::chrono::month_day_last(std::chrono::month(static_cast<unsigned>(month)))};
  return static_cast<int>(static_cast<unsigned>(last.day()));
}

}  // namespace burrow::scheduler

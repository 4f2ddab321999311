// How a zone goes on after the last change that its file lists: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3".
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace burrow::scheduler {

// A day of the year and a second of it at which clocks are set.
struct RuleDate {
  enum class Kind { kJulian, kDayOfYear, kWeekday };  // Jn (no 29 February), n, Mm.w.d
  Kind kind = Kind::kWeekday;
  int day = 0;              // of the first two
  int month = 1, week = 1;  // of the third: week 5 is the last
  int weekday = 0;          // 0: Sunday
  int32_t time = 2 * 3600;  // seconds of the wall clock; negative or over a day where the string says so
};

struct ZoneRule {
  int32_t standard = 0;  // seconds east of UTC
  int32_t summer = 0;
  bool has_summer = false;
  RuleDate begin, end;  // of summer time, in the wall clock that ends with it

  // kInvalidArgument where it is none.
  static Result<ZoneRule> Parse(std::string_view text);

  int32_t OffsetAt(int64_t unix_seconds) const;
  // The first moment after it at which the offset changes, if any does.
  std::optional<int64_t> ChangeAfter(int64_t unix_seconds) const;
};

}  // namespace burrow::scheduler

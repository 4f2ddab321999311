#include "scheduler/zone_rule.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "scheduler/civil_time.h"

namespace burrow::scheduler {
namespace {

constexpr int kMaxHours = 167;  // RFC 8536 extends POSIX's 24

// Takes a rule's text from left to right; each function gives nullopt or false where the text does not go on so.
class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool At(char c) const { return !rest_.empty() && rest_.front() == c; }

  // Three letters or more, or anything between < and >.
  bool Name() {
    if (Take('<')) {
      const size_t end = rest_.find('>');
      if (end == rest_.npos || end < 3) return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    size_t length = 0;
    while (length < rest_.size() && IsLetter(rest_[length])) length++;
    rest_.remove_prefix(length);
    return length >= 3;
  }

  std::optional<int> Number(int low, int high) {
    size_t length = 0;
    int value = 0;
    while (length < rest_.size() && length < 4 && IsDigit(rest_[length])) value = value * 10 + (rest_[length++] - '0');
    if (length == 0 || value < low || value > high) return std::nullopt;
    rest_.remove_prefix(length);
    return value;
  }

  // [+-]hh[:mm[:ss]] in seconds.
  std::optional<int32_t> Time() {
    const bool negative = At('-');
    if (negative || At('+')) rest_.remove_prefix(1);
    int32_t seconds = 0;
    const auto hours = Number(0, kMaxHours);
    if (!hours) return std::nullopt;
    seconds = *hours * 3600;
    for (int unit : {60, 1}) {
      if (!Take(':')) break;
      const auto part = Number(0, 59);
      if (!part) return std::nullopt;
      seconds += *part * unit;
    }
    return negative ? -seconds : seconds;
  }

  std::optional<RuleDate> Date() {
    RuleDate date;
    if (!Take(',') || !DayInto(date)) return std::nullopt;
    if (Take('/')) {
      const auto time = Time();
      if (!time) return std::nullopt;
      date.time = *time;
    }
    return date;
  }

 private:
  bool DayInto(RuleDate& date) {
    if (Take('M')) {
      const auto month = Number(1, 12);
      const auto week = month && Take('.') ? Number(1, 5) : std::nullopt;
      const auto weekday = week && Take('.') ? Number(0, 6) : std::nullopt;
      if (!weekday) return false;
      date = {.month = *month, .week = *week, .weekday = *weekday};
      return true;
    }
    const bool julian = Take('J');
    const auto day = Number(julian ? 1 : 0, 365);
    if (!day) return false;
    date = {.kind = julian ? RuleDate::Kind::kJulian : RuleDate::Kind::kDayOfYear, .day = *day};
    return true;
  }

  std::string_view rest_;
};

// Days since 1970 of a rule's date in a year.
int64_t DayIn(const RuleDate& date, int year) {
  const int64_t first = FromCivil(year, 1, 1);
  if (date.kind == RuleDate::Kind::kDayOfYear) return first + date.day;
  if (date.kind == RuleDate::Kind::kJulian) return first + date.day - 1 + (IsLeapYear(year) && date.day >= 60 ? 1 : 0);
  const int64_t month = FromCivil(year, date.month, 1);
  const int to_weekday = (date.weekday - ToCivil(month).weekday + 7) % 7;
  int day = to_weekday + 7 * (date.week - 1);
  if (day >= DaysOfMonth(year, date.month)) day -= 7;
  return month + day;
}

// When summer time begins and ends in a year, as Unix seconds.
std::array<int64_t, 2> ChangesOf(const ZoneRule& rule, int year) {
  return {DayIn(rule.begin, year) * kDaySeconds + rule.begin.time - rule.standard,
          DayIn(rule.end, year) * kDaySeconds + rule.end.time - rule.summer};
}

std::optional<ZoneRule> ReadRule(RuleReader& reader) {
  ZoneRule rule;
  if (!reader.Name()) return std::nullopt;
  const auto west = reader.Time();
  if (!west) return std::nullopt;
  rule.standard = rule.summer = -*west;
  if (reader.done()) return rule;
  if (!reader.Name()) return std::nullopt;
  rule.has_summer = true;
  rule.summer = rule.standard + 3600;
  if (!reader.At(',')) {
    const auto summer_west = reader.Time();
    if (!summer_west) return std::nullopt;
    rule.summer = -*summer_west;
  }
  const auto begin = reader.Date();
  const auto end = begin ? reader.Date() : std::nullopt;
  if (!end || !reader.done()) return std::nullopt;
  rule.begin = *begin;
  rule.end = *end;
  return rule;
}

}  // namespace

Result<ZoneRule> ZoneRule::Parse(std::string_view text) {
  RuleReader reader(text);
  if (auto rule = ReadRule(reader)) return *rule;
  return Fail(Code::kInvalidArgument, "'{}' is no rule of a time zone", text.substr(0, 100));
}

int32_t ZoneRule::OffsetAt(int64_t unix_seconds) const {
  if (!has_summer) return standard;
  // The last change up to that moment decides; one of the year before may reach into this one.
  const int year = ToCivil(DayOf(unix_seconds)).year;
  std::optional<int64_t> last;
  int32_t offset = standard;
  for (int candidate = year - 1; candidate <= year + 1; ++candidate) {
    const auto changes = ChangesOf(*this, candidate);
    for (size_t i : {0u, 1u}) {
      if (changes[i] > unix_seconds || (last && changes[i] < *last)) continue;
      // "Summer all year" is written as an end that falls on the next begin.
      if (last == changes[i] && i == 1) continue;
      last = changes[i];
      offset = i == 0 ? summer : standard;
    }
  }
  return offset;
}

std::optional<int64_t> ZoneRule::ChangeAfter(int64_t unix_seconds) const {
  if (!has_summer) return std::nullopt;
  const int year = ToCivil(DayOf(unix_seconds)).year;
  std::optional<int64_t> first;
  for (int candidate = year - 1; candidate <= year + 2; ++candidate) {
    for (int64_t change : ChangesOf(*this, candidate)) {
      if (change <= unix_seconds || (first && change >= *first)) continue;
      if (OffsetAt(change) != OffsetAt(change - 1)) first = change;
    }
  }
  return first;
}

}  // namespace burrow::scheduler

#include "scheduler/cron.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "scheduler/civil_time.h"

namespace burrow::scheduler {
namespace {

constexpr int64_t kFarthestDays = int64_t{40} * 366;
constexpr std::array<std::string_view, 12> kMonthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct CronField {
  std::string_view name;
  int low, high;
  std::span<const std::string_view> words;  // the first one means `low`
};
const std::array<CronField, 5> kCronFields = {{{"minute", 0, 59, {}},
                                               {"hour", 0, 23, {}},
                                               {"day of the month", 1, 31, {}},
                                               {"month", 1, 12, kMonthNames},
                                               {"day of the week", 0, 7, kWeekdayNames}}};

std::unexpected<Error> BadField(const CronField& field, std::string_view text) {
  return Fail(Code::kInvalidArgument,
              "'{}' is no {} of a cron expression: write *, a number from {} to {}, a range like {}-{}, a step like "
              "*/2, or several of these with commas between",
              text.substr(0, 60), field.name, field.low, field.high, field.low, field.high);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    if (end == text.size()) return parts;
    begin = end + 1;
  }
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t";
  for (size_t begin = text.find_first_not_of(kBlanks); begin != text.npos;) {
    const size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::optional<int> CronNumber(std::string_view text) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  int value = 0;
  for (char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<int> CronValue(const CronField& field, std::string_view text) {
  const auto same = [text](std::string_view word) { return std::ranges::equal(word, text, {}, {}, ToLower); };
  const auto word = std::ranges::find_if(field.words, same);
  if (word != field.words.end()) return field.low + static_cast<int>(word - field.words.begin());
  const auto number = CronNumber(text);
  return number && *number >= field.low && *number <= field.high ? number : std::nullopt;
}

// One item of a field's list, into `named`.
Status AddItem(const CronField& field, std::string_view item, std::bitset<60>& named) {
  const auto parts = Split(item, '/');
  int step = 1;
  if (parts.size() == 2) step = CronNumber(parts[1]).value_or(0);
  if (parts.size() > 2 || step < 1) return BadField(field, item);
  int low = field.low, high = field.high;
  if (parts[0] != "*") {
    const auto ends = Split(parts[0], '-');
    const auto first = CronValue(field, ends.front()), last = CronValue(field, ends.back());
    if (ends.size() > 2 || !first || !last || *first > *last) return BadField(field, item);
    low = *first;
    if (ends.size() == 2 || parts.size() == 1) high = *last;
  }
  for (int value = low; value <= high; value += step) named.set(static_cast<size_t>(value));
  return {};
}

Result<std::bitset<60>> ParseField(const CronField& field, std::string_view text) {
  std::bitset<60> named;
  for (std::string_view item : Split(text, ',')) BURROW_RETURN_IF_ERROR(AddItem(field, item, named));
  return named;
}

template <size_t kSize>
std::bitset<kSize> Narrow(const std::bitset<60>& named) {
  std::bitset<kSize> narrow;
  for (size_t i = 0; i < kSize; ++i) narrow[i] = named[i];
  return narrow;
}

// The first value from `from` on that is named.
template <size_t kSize>
std::optional<int> FirstFrom(const std::bitset<kSize>& named, int from) {
  for (auto i = static_cast<size_t>(from); i < kSize; ++i) {
    if (named[i]) return static_cast<int>(i);
  }
  return std::nullopt;
}

}  // namespace

Result<CronExpression> CronExpression::Parse(std::string_view text) {
  const auto words = Words(text.substr(0, kMaxCronBytes));
  if (words.size() != kCronFields.size() || text.size() > kMaxCronBytes) {
    return Fail(Code::kInvalidArgument,
                "'{}' is no cron expression: it has five fields, the minute, hour, day of the month, month and day of "
                "the week, like '*/5 * * * *'",
                text.substr(0, 100));
  }
  std::array<std::bitset<60>, 5> named;
  for (size_t i = 0; i < named.size(); ++i) {
    BURROW_ASSIGN_OR_RETURN(named[i], ParseField(kCronFields[i], words[i]));
  }
  CronExpression cron;
  cron.minutes_ = named[0];
  cron.hours_ = Narrow<24>(named[1]);
  cron.days_ = Narrow<32>(named[2]);
  cron.months_ = Narrow<13>(named[3]);
  cron.weekdays_ = Narrow<7>(named[4]);
  if (named[4][7]) cron.weekdays_.set(0);
  cron.any_day_ = words[2].starts_with('*');
  cron.any_weekday_ = words[4].starts_with('*');
  if (!cron.NextReading(0)) return Fail(Code::kInvalidArgument, "'{}' names a day that no year has", text);
  return cron;
}

bool CronExpression::NamesDay(int64_t day) const {
  const CivilDay date = ToCivil(day);
  if (!months_[static_cast<size_t>(date.month)]) return false;
  const bool by_day = days_[static_cast<size_t>(date.day)], by_weekday = weekdays_[static_cast<size_t>(date.weekday)];
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<int64_t> CronExpression::NextReading(int64_t wall_seconds) const {
  const int64_t minute = DayOf(wall_seconds) * 1440 + (SecondOfDay(wall_seconds) + 59) / 60;
  int64_t day = DayOf(minute * 60);
  int from = static_cast<int>(minute - day * 1440);
  for (const int64_t last = day + kFarthestDays; day <= last; ++day, from = 0) {
    if (!NamesDay(day)) continue;
    for (auto hour = FirstFrom(hours_, from / 60); hour; hour = FirstFrom(hours_, *hour + 1)) {
      const auto at = FirstFrom(minutes_, *hour == from / 60 ? from % 60 : 0);
      if (at) return day * kDaySeconds + int64_t{*hour} * 3600 + int64_t{*at} * 60;
    }
  }
  return std::nullopt;
}

// Readings of a gap lead to the jump, repeated ones to an earlier moment: those are passed over until one is later.
std::optional<int64_t> CronExpression::NextAfter(int64_t unix_seconds, const TimeZone& zone) const {
  int64_t wall = unix_seconds + zone.OffsetAt(unix_seconds);
  while (const auto reading = NextReading(wall)) {
    const int64_t at = zone.Resolve(*reading).at;
    if (at > unix_seconds) return at;
    wall = *reading + 1;
  }
  return std::nullopt;
}

}  // namespace burrow::scheduler

#include "oci/date_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace burrow::oci {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::sys_time;

// Takes exactly `digits` digits from the front.
std::optional<unsigned> TakeNumber(std::string_view& text, size_t digits) {
  unsigned value = 0;
  if (text.size() < digits) return std::nullopt;
  const std::string_view head = text.substr(0, digits);
  auto [end, error] = std::from_chars(head.begin(), head.end(), value);
  if (error != std::errc() || end != head.end()) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

// The same before a separator of the set, which is taken too.
std::optional<unsigned> TakeNumber(std::string_view& text, size_t digits, std::string_view separators) {
  auto value = TakeNumber(text, digits);
  if (!value || text.empty() || separators.find(text[0]) == std::string_view::npos) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

// ".123456789"
std::optional<unsigned> TakeMilliseconds(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 9) return std::nullopt;
  std::string padded(text.substr(0, digits));
  padded.resize(3, '0');
  text.remove_prefix(digits);
  std::string_view first = padded;
  return TakeNumber(first, 3);
}

// "Z" or "+02:00": what local time is ahead.
std::optional<std::chrono::minutes> TakeOffset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  int sign = text[0] == '+' ? 1 : -1;
  text.remove_prefix(1);
  auto hours = TakeNumber(text, 2, ":");
  auto minutes = hours ? TakeNumber(text, 2) : std::nullopt;
  if (!minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * std::chrono::minutes(*hours * 60 + *minutes);
}

}  // namespace

std::optional<uint64_t> ParseDateTime(std::string_view text) {
  auto year = TakeNumber(text, 4, "-");
  auto month = year ? TakeNumber(text, 2, "-") : std::nullopt;
  auto day = month ? TakeNumber(text, 2, "Tt ") : std::nullopt;
  auto hour = day ? TakeNumber(text, 2, ":") : std::nullopt;
  auto minute = hour ? TakeNumber(text, 2, ":") : std::nullopt;
  auto second = minute ? TakeNumber(text, 2) : std::nullopt;
  auto fraction = second ? TakeMilliseconds(text) : std::nullopt;
  auto offset = fraction ? TakeOffset(text) : std::nullopt;
  if (!offset || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                   std::chrono::day(*day));
  if (!date.ok()) return std::nullopt;
  milliseconds time = sys_days(date).time_since_epoch() + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                      std::chrono::seconds(*second) + milliseconds(*fraction) - *offset;
  if (time.count() < 0) return std::nullopt;
  return static_cast<uint64_t>(time.count());
}

std::string FormatDateTime(uint64_t unix_ms) {
  constexpr uint64_t kLast = 253'402'300'799'999;  // of the year 9999
  sys_time<milliseconds> time{milliseconds(std::min(unix_ms, kLast))};
  auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(time - day);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (auto fraction = clock.subseconds().count(); fraction != 0) text += fmt::format(".{:03}", fraction);
  return text + "Z";
}

}  // namespace burrow::oci

#include "scheduler/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "scheduler/civil_time.h"
#include "scheduler/schedule.h"
#include "scheduler/testing/zones.h"

namespace burrow::scheduler {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

int64_t Minute(int year, int month, int day, int hour, int minute) {
  return FromCivil(year, month, day) * kDaySeconds + hour * 3600 + minute * 60;
}

// "2026-03-29 01:30" of Unix seconds.
std::string Shown(int64_t at) {
  const CivilDay date = ToCivil(DayOf(at));
  return fmt::format("{}-{:02}-{:02} {:02}:{:02}", date.year, date.month, date.day, SecondOfDay(at) / 3600,
                     SecondOfDay(at) / 60 % 60);
}

std::vector<std::string> NextOf(const char* expression, int64_t after, int count, const TimeZone& zone = {}) {
  const auto cron = CronExpression::Parse(expression);
  if (!cron) return {cron.error().message()};
  std::vector<std::string> shown;
  for (int i = 0; i < count; ++i) {
    const auto next = cron->NextAfter(after, zone);
    if (!next) break;
    after = *next;
    shown.push_back(Shown(after));
  }
  return shown;
}

TEST(Cron, FieldsAreListsRangesStepsAndNames) {
  const int64_t from = Minute(2026, 1, 1, 0, 0);  // a Thursday
  EXPECT_THAT(NextOf("*/20 * * * *", from, 3), ElementsAre("2026-01-01 00:20", "2026-01-01 00:40", "2026-01-01 01:00"));
  EXPECT_THAT(
      NextOf("5,10-12 3 * * *", from, 5),
      ElementsAre("2026-01-01 03:05", "2026-01-01 03:10", "2026-01-01 03:11", "2026-01-01 03:12", "2026-01-02 03:05"));
  EXPECT_THAT(NextOf("0 8-18/5 * * *", from, 4),
              ElementsAre("2026-01-01 08:00", "2026-01-01 13:00", "2026-01-01 18:00", "2026-01-02 08:00"));
  EXPECT_THAT(NextOf("50/5 0 * * *", from, 3), ElementsAre("2026-01-01 00:50", "2026-01-01 00:55", "2026-01-02 00:50"));
  EXPECT_THAT(NextOf("0 0 * feb-MAR Mon", from, 2), ElementsAre("2026-02-02 00:00", "2026-02-09 00:00"));
  EXPECT_THAT(NextOf("0 0 * * 7", from, 1), ElementsAre("2026-01-04 00:00"));
  EXPECT_THAT(NextOf("0 0 * * 0", from, 1), ElementsAre("2026-01-04 00:00"));
  EXPECT_THAT(NextOf("  0\t0 * *  5-7 ", from, 3),
              ElementsAre("2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00"));
  EXPECT_THAT(NextOf("0 0 29 2 *", from, 2), ElementsAre("2028-02-29 00:00", "2032-02-29 00:00"));
}

TEST(Cron, ADayThatEitherDayFieldNamesCounts) {
  const int64_t from = Minute(2026, 1, 1, 0, 0);
  EXPECT_THAT(NextOf("0 0 13 * fri", from, 4),
              ElementsAre("2026-01-02 00:00", "2026-01-09 00:00", "2026-01-13 00:00", "2026-01-16 00:00"));
  // One that begins with a star only narrows the other.
  EXPECT_THAT(NextOf("0 0 */2 * fri", from, 2), ElementsAre("2026-01-09 00:00", "2026-01-23 00:00"));
}

TEST(Cron, SaysWhichFieldIsWrong) {
  const auto complaint = [](const char* text) {
    const auto cron = CronExpression::Parse(text);
    return cron ? "it was taken" : cron.error().message();
  };
  EXPECT_THAT(complaint("60 * * * *"), HasSubstr("'60' is no minute"));
  EXPECT_THAT(complaint("* 24 * * *"), HasSubstr("no hour"));
  EXPECT_THAT(complaint("* * 0 * *"), HasSubstr("no day of the month"));
  EXPECT_THAT(complaint("* * * foo *"), HasSubstr("no month"));
  EXPECT_THAT(complaint("* * * * 8"), HasSubstr("no day of the week"));
  EXPECT_THAT(complaint("*/0 * * * *"), HasSubstr("no minute"));
  EXPECT_THAT(complaint("5-1 * * * *"), HasSubstr("no minute"));
  EXPECT_THAT(complaint("1,,2 * * * *"), HasSubstr("no minute"));
  EXPECT_THAT(complaint("1-2-3 * * * *"), HasSubstr("no minute"));
  EXPECT_THAT(complaint("* * * *"), HasSubstr("five fields"));
  EXPECT_THAT(complaint("* * * * * *"), HasSubstr("five fields"));
  EXPECT_THAT(complaint(""), HasSubstr("five fields"));
  EXPECT_THAT(complaint("0 0 30 2 *"), HasSubstr("a day that no year has"));
}

TEST(Cron, ASkippedTimeRunsOnceAtTheJump) {
  const int64_t eve = Minute(2026, 3, 28, 12, 0);
  EXPECT_THAT(NextOf("30 2 * * *", eve, 2, ZoneOf(kBerlin)), ElementsAre("2026-03-29 01:00", "2026-03-30 00:30"));
  EXPECT_THAT(NextOf("*/30 2 * * *", eve, 2, ZoneOf(kBerlin)), ElementsAre("2026-03-29 01:00", "2026-03-30 00:00"));
  EXPECT_THAT(NextOf("0 2,3 * * *", eve, 2, ZoneOf(kBerlin)), ElementsAre("2026-03-29 01:00", "2026-03-30 00:00"));
}

TEST(Cron, ATimeThatComesTwiceRunsOnce) {
  const int64_t eve = Minute(2026, 10, 24, 12, 0);
  EXPECT_THAT(NextOf("30 2 * * *", eve, 2, ZoneOf(kBerlin)), ElementsAre("2026-10-25 00:30", "2026-10-26 01:30"));
  EXPECT_THAT(NextOf("30 1 * * *", Minute(2026, 10, 31, 12, 0), 2, ZoneOf(kNewYork)),
              ElementsAre("2026-11-01 05:30", "2026-11-02 06:30"));
}

// Minute by minute: due is what clocks show for the first time and the expression names, and a jump over what it names.
std::vector<int64_t> DueByTheMinute(const CronExpression& cron, const TimeZone& zone, int64_t from, int64_t to) {
  const auto named = [&](int64_t reading) { return cron.NextReading(reading) == reading; };
  std::set<int64_t> shown;
  std::vector<int64_t> due;
  for (int64_t at = from - 2 * kDaySeconds; at <= to; at += 60) {
    const int64_t reading = at + zone.OffsetAt(at);
    bool is_due = shown.insert(reading).second && named(reading);
    for (int64_t skipped = at + zone.OffsetAt(at - 1); skipped < reading; skipped += 60) {
      is_due = is_due || named(skipped);
      shown.insert(skipped);
    }
    if (is_due && at > from) due.push_back(at);
  }
  return due;
}

std::string AnyField(int low, int high) {
  const int first = *rc::gen::inRange(low, high + 1), second = *rc::gen::inRange(first, high + 1);
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return "*";
    case 1:
      return std::to_string(first);
    case 2:
      return fmt::format("{}-{}", first, second);
    case 3:
      return fmt::format("*/{}", *rc::gen::inRange(1, high + 1));
    default:
      return fmt::format("{},{}", first, second);
  }
}

RC_GTEST_PROP(Cron, IsDueAsAWalkMinuteByMinuteSaysAroundEachChangeOfClocks, ()) {
  const auto rule = *rc::gen::element(kBerlin, kNewYork, kLordHowe, kDublin, kNuuk, kKolkata);
  const TimeZone zone = ZoneOf(rule);
  const int64_t start = Minute(*rc::gen::inRange(1990, 2090), *rc::gen::inRange(1, 13), 1, 0, 0);
  const auto change = zone.ChangeAfter(start);
  const int64_t from = (change ? change->at : start) - *rc::gen::inRange(0, 2000) * 60 - *rc::gen::inRange(0, 60);
  const int64_t to = from + 3 * kDaySeconds;
  const std::string text =
      fmt::format("{} {} {} * {}", AnyField(0, 59), AnyField(0, 4), AnyField(1, 31), AnyField(0, 7));
  const auto cron = CronExpression::Parse(text);
  RC_ASSERT(cron.has_value());
  std::vector<int64_t> due;
  for (auto at = cron->NextAfter(from, zone); at && *at <= to; at = cron->NextAfter(*at, zone)) due.push_back(*at);
  const auto expected = DueByTheMinute(*cron, zone, from / 60 * 60, to);
  std::vector<int64_t> later;
  for (int64_t at : expected) {
    if (at > from) later.push_back(at);
  }
  if (due != later) RC_LOG() << text << " in " << rule << " from " << Shown(from);
  RC_ASSERT(due == later);
}

RC_GTEST_PROP(Schedule, MakesUpTheLatestOfWhatWasMissed, ()) {
  const bool is_period = *rc::gen::arbitrary<bool>();
  const auto schedule =
      is_period
          ? CallSchedule::OfPeriod(
                {.months = *rc::gen::inRange<uint32_t>(0, 3), .ms = *rc::gen::inRange<uint64_t>(1'000, 10'000'000)})
          : CallSchedule::OfCron(*CronExpression::Parse(fmt::format("{} {} * * *", AnyField(0, 59), AnyField(0, 23))),
                                 ZoneOf(*rc::gen::element(kBerlin, kNewYork, kKolkata)));
  const uint64_t last = 1'750'000'000'000 + *rc::gen::inRange<uint64_t>(0, 30'000'000'000);
  const uint64_t now = last + *rc::gen::inRange<uint64_t>(0, 400'000'000);
  std::optional<uint64_t> expected;
  for (auto at = schedule.NextAfter(last); at && *at <= now; at = schedule.NextAfter(*at)) expected = at;
  RC_ASSERT(schedule.LatestDue(last, now) == expected);
}

TEST(Schedule, AContainerStartsAheadByWhatAStartTakes) {
  const milliseconds minute(60'000);
  EXPECT_EQ(StartAhead(200.0, minute), milliseconds(1'200));
  EXPECT_EQ(StartAhead(20'000.0, minute), milliseconds(30'000));
  EXPECT_EQ(StartAhead(std::nullopt, minute), milliseconds(10'000));
}

RC_GTEST_PROP(Schedule, AContainerThatStartsAheadIsThereInTimeAndStillThere, ()) {
  const milliseconds window(*rc::gen::inRange(0, 3'600'000));
  const double start_ms = *rc::gen::inRange(0, 600'000);
  const double idle_ms = static_cast<double>(StartAhead(start_ms, window).count()) - start_ms;
  RC_ASSERT(idle_ms >= 0);
  RC_ASSERT(idle_ms <= static_cast<double>(window.count()) / 2);
  RC_ASSERT(StartAhead(std::nullopt, window) <= window / 2);
}

TEST(Schedule, APeriodCountsFromTheLastCall) {
  const auto schedule = CallSchedule::OfPeriod({.ms = 5'000});
  EXPECT_EQ(schedule.NextAfter(12'345), 17'345u);
  EXPECT_FALSE(schedule.LatestDue(12'345, 17'344));
  EXPECT_EQ(schedule.LatestDue(12'345, 17'345), 17'345u);
  EXPECT_EQ(schedule.LatestDue(12'345, 29'000), 27'345u);
}

TEST(Schedule, MonthsAreThoseOfTheCalendar) {
  const auto at = [](int year, int month, int day) {
    return static_cast<uint64_t>(FromCivil(year, month, day)) * 86'400'000 + 3'600'123;
  };
  EXPECT_EQ(CallSchedule::OfPeriod({.months = 1}).NextAfter(at(2024, 1, 31)), at(2024, 2, 29));
  EXPECT_EQ(CallSchedule::OfPeriod({.months = 12}).NextAfter(at(2024, 2, 29)), at(2025, 2, 28));
  EXPECT_EQ(CallSchedule::OfPeriod({.months = 14}).NextAfter(at(2023, 11, 5)), at(2025, 1, 5));
  EXPECT_EQ(CallSchedule::OfPeriod({.months = 1, .ms = 5}).NextAfter(at(2023, 12, 5)), at(2024, 1, 5) + 5);
  const auto monthly = CallSchedule::OfPeriod({.months = 1});
  EXPECT_FALSE(monthly.LatestDue(at(2024, 1, 5), at(2024, 2, 5) - 1));
  EXPECT_EQ(monthly.LatestDue(at(2024, 1, 5), at(2024, 9, 4)), at(2024, 8, 5));
}

}  // namespace
}  // namespace burrow::scheduler

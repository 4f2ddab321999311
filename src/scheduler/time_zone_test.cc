#include "scheduler/time_zone.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "scheduler/civil_time.h"
#include "scheduler/testing/zones.h"

namespace burrow::scheduler {
namespace {

using namespace testing;

int64_t At(int year, int month, int day, int hour, int minute = 0) {
  return FromCivil(year, month, day) * kDaySeconds + hour * 3600 + minute * 60;
}

std::string CorpusFile(const std::string& name) {
  const std::string here = __FILE__;
  std::ifstream file(here.substr(0, here.rfind('/')) + "/testing/corpus/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(TimeZone, IsUtcByDefault) {
  EXPECT_EQ(TimeZone().OffsetAt(1'700'000'000), 0);
  EXPECT_FALSE(TimeZone().ChangeAfter(0));
  EXPECT_EQ(TimeZone().Resolve(12345).at, 12345);
}

TEST(TimeZone, FollowsTheRuleAfterTheListedChanges) {
  for (const TimeZone& zone : {ZoneOf(kBerlin), *TimeZone::Parse(CorpusFile("zone_with_rule"))}) {
    EXPECT_EQ(zone.OffsetAt(At(2026, 1, 15, 12)), 3600);
    EXPECT_EQ(zone.OffsetAt(At(2026, 7, 15, 12)), 7200);
    EXPECT_EQ(zone.OffsetAt(At(2100, 7, 15, 12)), 7200);
    const auto change = zone.ChangeAfter(At(2026, 1, 15, 12));
    ASSERT_TRUE(change);
    EXPECT_EQ(change->at, At(2026, 3, 29, 1));
    EXPECT_EQ(change->before, 3600);
    EXPECT_EQ(change->after, 7200);
    EXPECT_EQ(zone.ChangeAfter(change->at)->at, At(2026, 10, 25, 1));
  }
}

TEST(TimeZone, KnowsTheListedChangesOfTheFile) {
  const auto berlin = *TimeZone::Parse(CorpusFile("zone_with_rule"));
  EXPECT_EQ(berlin.OffsetAt(At(1947, 6, 1, 12)), 3 * 3600);  // double summer time
  const auto kolkata = *TimeZone::Parse(CorpusFile("zone_without_summer"));
  EXPECT_EQ(kolkata.OffsetAt(At(2030, 6, 1, 0)), 19'800);
  EXPECT_EQ(kolkata.OffsetAt(At(1943, 6, 1, 0)), 23'400);
  EXPECT_FALSE(kolkata.ChangeAfter(At(2000, 1, 1, 0)));
}

TEST(TimeZone, OddRulesAreUnderstood) {
  EXPECT_EQ(ZoneOf(kDublin).OffsetAt(At(2026, 7, 1, 0)), 3600);
  EXPECT_EQ(ZoneOf(kDublin).OffsetAt(At(2026, 12, 1, 0)), 0);
  EXPECT_EQ(ZoneOf(kNuuk).ChangeAfter(At(2026, 2, 1, 0))->at, At(2026, 3, 29, 1));
  EXPECT_EQ(ZoneOf(kLordHowe).OffsetAt(At(2026, 1, 1, 0)), 11 * 3600);
  EXPECT_EQ(ZoneOf(kLordHowe).OffsetAt(At(2026, 7, 1, 0)), 37'800);
  EXPECT_EQ(ZoneOf("<+0330>-3:30<+0430>,J79/24,J263/24").OffsetAt(At(2026, 6, 1, 0)), 16'200);
  const auto always_summer = ZoneOf("XXX3EDT4,0/0,J365/23");
  EXPECT_EQ(always_summer.OffsetAt(At(2026, 1, 1, 2)), -4 * 3600);
  EXPECT_FALSE(always_summer.ChangeAfter(At(2026, 6, 1, 0)));
}

TEST(TimeZone, ASkippedReadingLeadsToTheJumpAndARepeatedOneToItsFirstMoment) {
  const TimeZone berlin = ZoneOf(kBerlin);
  const auto skipped = berlin.Resolve(At(2026, 3, 29, 2, 30));
  EXPECT_TRUE(skipped.skipped);
  EXPECT_EQ(skipped.at, At(2026, 3, 29, 1));
  EXPECT_FALSE(berlin.Resolve(At(2026, 3, 29, 3)).skipped);
  EXPECT_EQ(berlin.Resolve(At(2026, 3, 29, 3)).at, At(2026, 3, 29, 1));
  const auto repeated = berlin.Resolve(At(2026, 10, 25, 2, 30));
  EXPECT_FALSE(repeated.skipped);
  EXPECT_EQ(repeated.at, At(2026, 10, 25, 0, 30));
  EXPECT_EQ(berlin.Resolve(At(2026, 10, 25, 3)).at, At(2026, 10, 25, 2));
}

TEST(TimeZone, RefusesWhatIsNoWholeFile) {
  const std::string whole = CorpusFile("zone_with_rule");
  ASSERT_TRUE(TimeZone::Parse(whole));
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(TimeZone::Parse(std::string_view(whole).substr(0, length))) << length;
  }
  EXPECT_FALSE(TimeZone::Parse(ZoneFile("no rule")));
  std::string too_many = ZoneFile(kKolkata);
  too_many[32] = '\x7f';  // claims two thousand million changes
  EXPECT_FALSE(TimeZone::Parse(too_many));
}

TEST(ZoneRule, RefusesWhatPosixDoesNotKnow) {
  for (const char* text : {"", "A", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.1.0,M10.5.0",
                           "CET-1CEST,M3.6.0,M10.5.0", "CET-999", "CET-1CEST,M3.5.0,M10.5.0/3x", "<A1", "CET-1:61"}) {
    EXPECT_FALSE(ZoneRule::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace burrow::scheduler

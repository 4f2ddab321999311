#include "cas/cache_signals.h"

#include <gtest/gtest.h>

#include <optional>

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kShort{20};
constexpr milliseconds kEndless{3'600'000};

TEST(CacheSignals, DoesNotWaitForMissesOfAProcessThatWasKilled) {
  auto signals = CacheSignals::Create().value();
  std::optional<CacheSignals::Miss> killed(std::in_place, *signals);
  auto begin = steady_clock::now();
  signals->YieldToMisses(kShort);
  EXPECT_GE(steady_clock::now() - begin, kShort);
  signals->ForgetMisses();
  signals->YieldToMisses(kEndless);  // returns
}

TEST(CacheSignals, CountsMissesThatOutliveTheForgetting) {
  auto signals = CacheSignals::Create().value();
  std::optional<CacheSignals::Miss> before(std::in_place, *signals);
  signals->ForgetMisses();
  before.reset();
  signals->YieldToMisses(kEndless);  // returns: the count has not gone below none
  CacheSignals::Miss after(*signals);
  auto begin = steady_clock::now();
  signals->YieldToMisses(kShort);
  EXPECT_GE(steady_clock::now() - begin, kShort);
}

TEST(CacheSignals, CountsMissesThatTookLongerThanASecond) {
  auto signals = CacheSignals::Create().value();
  signals->MissTook(kSlowFetch);
  EXPECT_EQ(signals->counters().slow_fetches, 0u);
  signals->MissTook(kSlowFetch + milliseconds(1));
  EXPECT_EQ(signals->counters().slow_fetches, 1u);
}

TEST(CacheSignals, WaitsForAPrefetchAsLongAsItGoesOn) {
  auto signals = CacheSignals::Create().value();
  EXPECT_TRUE(signals->YieldToPrefetch(kEndless));
  std::optional<CacheSignals::Prefetching> prefetching(std::in_place, *signals);
  EXPECT_FALSE(signals->YieldToPrefetch(milliseconds(1)));
  prefetching.reset();
  EXPECT_TRUE(signals->YieldToPrefetch(kEndless));
}

TEST(CacheSignals, DoesNotWaitForAPrefetchOfAProcessThatWasKilled) {
  auto signals = CacheSignals::Create().value();
  const CacheSignals::Prefetching killed(*signals);  // says nothing more
  EXPECT_TRUE(signals->YieldToPrefetch(kEndless));
}

}  // namespace
}  // namespace burrow::cas

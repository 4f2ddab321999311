#include "worker/commit_times.h"

#include <gtest/gtest.h>

namespace burrow::worker {
namespace {

TEST(CommitTimesTest, LeaveMostOfTheTimeToTheContainer) {
  using std::chrono::seconds;
  const CommitTimes times{.pause = seconds(10)};
  EXPECT_EQ(PauseAfterCommit(times, std::chrono::milliseconds(5)), seconds(10));
  EXPECT_EQ(PauseAfterCommit(times, seconds(20)), seconds(180));
}

TEST(CommitTimesTest, EndTheLastCommitEarlierWhileControlIsAway) {
  using std::chrono::seconds;
  const CommitTimes times{.last = seconds(600), .without_link = seconds(60)};
  const SteadyTime began(seconds(1'000));
  EXPECT_EQ(LeftForLastCommit(times, began, std::nullopt, began + seconds(100)), seconds(500));
  EXPECT_EQ(LeftForLastCommit(times, began, began + seconds(90), began + seconds(100)), seconds(50));
  EXPECT_EQ(LeftForLastCommit(times, began, began - seconds(900), began), seconds(60));
  EXPECT_LE(LeftForLastCommit(times, began, began, began + seconds(60)).count(), 0);
}

}  // namespace
}  // namespace burrow::worker

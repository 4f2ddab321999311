#include "scheduler/backlog.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace burrow::scheduler {
namespace {

using std::chrono::milliseconds;

TEST(Backlog, RoomComesAsFastAsTheContainersTakeCalls) {
  EXPECT_EQ(WaitForRoom({.ready = 2, .mean_run_ms = 500.0}, 40), milliseconds(10'000));
  EXPECT_EQ(WaitForRoom({.starting = 1, .ready = 3, .mean_run_ms = 500.0}, 40), milliseconds(5'000));
  EXPECT_EQ(WaitForRoom({.mean_run_ms = 2'000.0}, 1), milliseconds(2'000));
}

TEST(Backlog, NobodyIsToldToWaitForLessThanASecondOrMoreThanAMinute) {
  EXPECT_EQ(WaitForRoom({}, 100), kShortestWait);
  EXPECT_EQ(WaitForRoom({.ready = 8, .mean_run_ms = 0.5}, 10), kShortestWait);
  EXPECT_EQ(WaitForRoom({.ready = 1, .mean_run_ms = 1e9}, 100), kLongestWait);
  EXPECT_EQ(WaitForRoom({.mean_run_ms = std::numeric_limits<double>::quiet_NaN()}, 1), kShortestWait);
}

TEST(Backlog, FunctionsOfOneQueueMakeRoomTogether) {
  const FunctionLoad slow{.ready = 1, .mean_run_ms = 10'000}, unknown{.ready = 1};
  EXPECT_EQ(WaitForSharedRoom(std::vector{slow, unknown}, 2), std::chrono::milliseconds(20'000));
  EXPECT_EQ(WaitForSharedRoom(std::vector{slow, slow}, 2), std::chrono::milliseconds(10'000));
  EXPECT_EQ(WaitForSharedRoom(std::vector{unknown}, 2), kShortestWait);
}

}  // namespace
}  // namespace burrow::scheduler

#include "scheduler/autoscaler.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace burrow::scheduler {
namespace {

using std::chrono::milliseconds;

// Any load, extremes included: small numbers often, so that the cases where bounds meet are common.
FunctionLoad AnyLoad() {
  const auto count = rc::gen::weightedOneOf<uint32_t>({{8, rc::gen::inRange<uint32_t>(0, 20)},
                                                       {2, rc::gen::inRange<uint32_t>(0, 100'000)},
                                                       {1, rc::gen::arbitrary<uint32_t>()}});
  FunctionLoad load;
  load.queued = *count;
  load.running = *count;
  load.starting = *count;
  load.ready = *count;
  load.overdue = *count;
  load.min_containers = *count;
  load.max_containers = *count;
  load.failed_starts = *rc::gen::inRange<uint32_t>(0, 6);
  load.target_concurrency = *rc::gen::element<uint32_t>(1, 1, 1, 2, 100);
  if (*rc::gen::arbitrary<bool>()) load.mean_run_ms = *rc::gen::inRange(0, 1'000'000) / 100.0;
  return load;
}

uint64_t Present(const FunctionLoad& load) { return uint64_t{load.ready} + load.starting; }

RC_GTEST_PROP(Autoscaler, NeverGoesAboveTheMaximum, ()) {
  const FunctionLoad load = AnyLoad();
  RC_PRE(load.max_containers > 0u);
  const uint32_t start = DecideScale(load).start;
  RC_ASSERT(start == 0u || Present(load) + start <= load.max_containers);
}

RC_GTEST_PROP(Autoscaler, StartsAtLeastOneWhenCallsWaitAndNothingIsThere, ()) {
  FunctionLoad load = AnyLoad();
  load.queued = std::max(load.queued, 1u);
  load.starting = load.ready = load.running = 0;
  RC_ASSERT(DecideScale(load).start >= 1u);
}

RC_GTEST_PROP(Autoscaler, StartsNothingWithoutWaitingCallsAboveTheMinimum, ()) {
  FunctionLoad load = AnyLoad();
  load.queued = 0;
  load.target_concurrency = 1;
  RC_PRE(Present(load) >= load.min_containers);
  RC_ASSERT(DecideScale(load).start == 0u);
}

RC_GTEST_PROP(Autoscaler, NeverStartsMoreThanWaitingCallsAndTheMinimumAskFor, ()) {
  FunctionLoad load = AnyLoad();
  load.target_concurrency = 1;
  RC_ASSERT(DecideScale(load).start <= std::max(load.queued, load.min_containers));
}

RC_GTEST_PROP(Autoscaler, AsksForNothingMoreOnceItsDecisionIsUnderWay, ()) {
  FunctionLoad load = AnyLoad();
  RC_PRE(Present(load) < 1'000'000u);
  load.failed_starts = 0;
  const uint32_t start = DecideScale(load).start;
  RC_PRE(start < 1'000'000u);
  load.starting += start;
  RC_ASSERT(DecideScale(load).start == 0u);
}

RC_GTEST_PROP(Autoscaler, NeverStartsFewerForALongerQueue, ()) {
  FunctionLoad load = AnyLoad();
  const uint32_t shorter = DecideScale(load).start;
  load.queued = std::max(load.queued, *rc::gen::arbitrary<uint32_t>());
  RC_ASSERT(DecideScale(load).start >= shorter);
}

RC_GTEST_PROP(Autoscaler, KeepsTheMinimumWhereTheMaximumAllows, ()) {
  FunctionLoad load = AnyLoad();
  load.failed_starts = 0;
  const uint64_t after = Present(load) + DecideScale(load).start;
  const uint32_t floor =
      load.max_containers > 0 ? std::min(load.min_containers, load.max_containers) : load.min_containers;
  RC_ASSERT(after >= floor);
}

RC_GTEST_PROP(Autoscaler, TriesOneAtATimeAfterManyFailedStarts, ()) {
  FunctionLoad load = AnyLoad();
  load.failed_starts = *rc::gen::inRange<uint32_t>(3, 1000);
  RC_ASSERT(DecideScale(load).start <= (load.starting > 0 ? 0u : 1u));
}

RC_GTEST_PROP(DispatchCredit, IsBetweenOneAndSixtyFourAndFallsWithTheRunTime, ()) {
  const double shorter = *rc::gen::inRange(0, 100'000) / 1000.0;
  const double longer = shorter + *rc::gen::inRange(0, 100'000) / 1000.0;
  RC_ASSERT(DispatchCredit(shorter) >= 1u);
  RC_ASSERT(DispatchCredit(shorter) <= 64u);
  RC_ASSERT(DispatchCredit(longer) <= DispatchCredit(shorter));
}

TEST(Autoscaler, StartsAContainerForEachWaitingCallWhileRunTimesAreUnknown) {
  EXPECT_EQ(DecideScale({.queued = 5}).start, 5u);
  EXPECT_EQ(DecideScale({.queued = 5, .starting = 2}).start, 3u);
  EXPECT_EQ(DecideScale({.queued = 5, .running = 1, .ready = 2}).start, 4u);
}

TEST(Autoscaler, StartsAContainerForEachWaitingLongCall) {
  EXPECT_EQ(DecideScale({.queued = 8, .running = 2, .ready = 2, .mean_run_ms = 5000}).start, 8u);
}

TEST(Autoscaler, LeavesAFewShortCallsToTheContainerThatIsThere) {
  EXPECT_EQ(DecideScale({.queued = 1000, .running = 1, .ready = 1, .mean_run_ms = 0.1}).start, 0u);
}

TEST(Autoscaler, StartsFewContainersForManyShortCalls) {
  const uint32_t start = DecideScale({.queued = 10'000, .running = 1, .ready = 1, .mean_run_ms = 0.1}).start;
  EXPECT_GE(start, 1u);
  EXPECT_LE(start, 10u);
}

TEST(Autoscaler, CountsOnNoContainerWhoseCallIsOverdueHoweverShortCallsAreUsually) {
  EXPECT_EQ(DecideScale({.queued = 1, .running = 1, .ready = 1, .mean_run_ms = 1}).start, 0u);
  EXPECT_EQ(DecideScale({.queued = 1, .running = 1, .ready = 1, .overdue = 1, .mean_run_ms = 1}).start, 1u);
  EXPECT_EQ(DecideScale({.queued = 1, .running = 2, .ready = 2, .overdue = 1, .mean_run_ms = 1}).start, 0u);
}

TEST(Autoscaler, TreatsAMeanThatIsNoNumberAsUnknown) {
  EXPECT_EQ(DecideScale({.queued = 5, .mean_run_ms = std::numeric_limits<double>::quiet_NaN()}).start, 5u);
  EXPECT_EQ(DispatchCredit(std::numeric_limits<double>::quiet_NaN()), 1u);
}

TEST(DispatchCredit, IsMoreThanOneOnlyForCallsShorterThanTheWay) {
  EXPECT_EQ(DispatchCredit(std::nullopt), 1u);
  EXPECT_EQ(DispatchCredit(20.0), 1u);
  EXPECT_EQ(DispatchCredit(0.1), 11u);
  EXPECT_EQ(DispatchCredit(0.0), 64u);
}

TEST(IdleContainer, StopsAfterItsWindowAndAboveTheMinimumOnly) {
  const FunctionLoad two_above_one{.ready = 2, .min_containers = 1};
  EXPECT_TRUE(MayStopIdle(two_above_one, milliseconds(60'000), milliseconds(60'000)));
  EXPECT_FALSE(MayStopIdle(two_above_one, milliseconds(59'999), milliseconds(60'000)));
  EXPECT_FALSE(MayStopIdle({.ready = 1, .min_containers = 1}, milliseconds(90'000), milliseconds(60'000)));
}

RC_GTEST_PROP(Autoscaler, AsksForABufferOnceAndOnlyWhileThereAreCalls, ()) {
  FunctionLoad load = AnyLoad();
  load.buffer_containers = *rc::gen::inRange<uint32_t>(1, 10);
  load.failed_starts = 0;
  load.max_containers = 0;
  RC_PRE(Present(load) < 1'000'000u && load.queued < 1'000'000u && load.running < 1'000'000u);
  const uint32_t start = DecideScale(load).start;
  FunctionLoad without = load;
  without.buffer_containers = 0;
  RC_ASSERT(start <= DecideScale(without).start + load.buffer_containers);
  if (load.queued + load.running == 0) RC_ASSERT(start == DecideScale(without).start);
  load.starting += start;
  RC_ASSERT(DecideScale(load).start == 0u);
}

TEST(AutoscalerAtOnce, FillsContainersToTheirTarget) {
  FunctionLoad load{.queued = 1, .target_concurrency = 10};
  EXPECT_EQ(DecideScale(load).start, 1u);
  load.queued = 25;
  EXPECT_EQ(DecideScale(load).start, 3u);
  load = {.running = 20, .ready = 1, .target_concurrency = 10};
  EXPECT_EQ(DecideScale(load).start, 1u) << "more than the target run in one";
  load = {.queued = 1'000, .target_concurrency = 10, .mean_run_ms = 1.0};
  EXPECT_EQ(DecideScale(load).start, 1u) << "they are done before a second container is there";
}

TEST(AutoscalerAtOnce, BuffersAreIdleOnes) {
  FunctionLoad load{.running = 2, .ready = 2, .buffer_containers = 3};
  EXPECT_EQ(DecideScale(load).start, 3u);
  load.ready = 6;
  EXPECT_TRUE(MayStopIdle(load, milliseconds(10), milliseconds(10)));
  load.ready = 5;
  EXPECT_FALSE(MayStopIdle(load, milliseconds(10), milliseconds(10)));
  load.running = 0;
  EXPECT_TRUE(MayStopIdle(load, milliseconds(10), milliseconds(10)));
}

TEST(AutoscalerAtOnce, SpentContainersCountForTheMaximumAlone) {
  FunctionLoad load{.queued = 5, .max_containers = 3, .spent = 2};
  EXPECT_EQ(DecideScale(load).start, 1u);
  load.spent = 4;
  EXPECT_EQ(DecideScale(load).start, 0u);
}

}  // namespace
}  // namespace burrow::scheduler

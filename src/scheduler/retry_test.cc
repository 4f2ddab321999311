#include "scheduler/retry.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace burrow::scheduler {
namespace {

using std::chrono::milliseconds;

constexpr AttemptEnd kEnds[] = {AttemptEnd::kUserError, AttemptEnd::kTimeout, AttemptEnd::kOutOfMemory,
                                AttemptEnd::kCrashed, AttemptEnd::kContainerLost};

RC_GTEST_PROP(Retry, EndsForEveryCallWithinItsBudgets, ()) {
  const RetryPolicy policy{.max_retries = *rc::gen::inRange<uint32_t>(0, 20)};
  RetryBudget budget;
  uint32_t attempts = 1;
  while (DecideRetry(policy, kEnds[*rc::gen::inRange(0, 5)], budget).verdict == Verdict::kRetry) {
    RC_ASSERT(++attempts <= 1 + policy.max_retries + kMaxLostContainers);
  }
}

RC_GTEST_PROP(Retry, PausesWithinTheBoundOfThePolicy, ()) {
  const RetryPolicy policy{.max_retries = 1000,
                           .initial_delay = milliseconds(*rc::gen::inRange(0, 100'000)),
                           .max_delay = milliseconds(*rc::gen::inRange(1, 100'000)),
                           .backoff = *rc::gen::inRange(0, 100) / 10.0};
  RetryBudget budget{.user_failures = *rc::gen::inRange<uint32_t>(0, 900)};
  const RetryDecision decision = DecideRetry(policy, AttemptEnd::kUserError, budget);
  RC_ASSERT(decision.verdict == Verdict::kRetry);
  RC_ASSERT(decision.delay >= milliseconds(0));
  RC_ASSERT(decision.delay <= policy.max_delay);
}

std::vector<int64_t> Delays(const RetryPolicy& policy, AttemptEnd end) {
  RetryBudget budget;
  std::vector<int64_t> delays;
  for (RetryDecision d = DecideRetry(policy, end, budget); d.verdict == Verdict::kRetry;
       d = DecideRetry(policy, end, budget)) {
    delays.push_back(d.delay.count());
  }
  return delays;
}

TEST(Retry, FailsAtOnceWhenTheUserAskedForNone) {
  for (AttemptEnd end :
       {AttemptEnd::kUserError, AttemptEnd::kTimeout, AttemptEnd::kCrashed, AttemptEnd::kOutOfMemory}) {
    EXPECT_TRUE(Delays({}, end).empty());
  }
}

TEST(Retry, PausesLongerEachTimeUpToTheBound) {
  const RetryPolicy policy{
      .max_retries = 5, .initial_delay = milliseconds(100), .max_delay = milliseconds(500), .backoff = 2};
  EXPECT_EQ(Delays(policy, AttemptEnd::kUserError), (std::vector<int64_t>{100, 200, 400, 500, 500}));
}

TEST(Retry, TakesABackoffOfZeroForOne) {
  EXPECT_EQ(Delays({.max_retries = 2, .initial_delay = milliseconds(10), .backoff = 0}, AttemptEnd::kTimeout),
            (std::vector<int64_t>{10, 10}));
}

TEST(Retry, GivesUpOnAnInputThatKilledThreeContainersWhateverThePolicy) {
  EXPECT_EQ(Delays({.max_retries = 100}, AttemptEnd::kCrashed).size(), kMaxCrashes - 1);
  EXPECT_EQ(Delays({.max_retries = 100}, AttemptEnd::kOutOfMemory).size(), kMaxCrashes - 1);
}

TEST(Retry, RepeatsLostContainersAtOnceWithoutTouchingTheUsersBudget) {
  EXPECT_EQ(Delays({.initial_delay = milliseconds(1000)}, AttemptEnd::kContainerLost),
            std::vector<int64_t>(kMaxLostContainers, 0));
  RetryBudget budget;
  DecideRetry({}, AttemptEnd::kContainerLost, budget);
  EXPECT_EQ(budget.user_failures, 0u);
}

TEST(Retry, NeverPausesLongerThanADay) {
  RetryBudget budget{.user_failures = 999'999};
  const RetryPolicy policy{.max_retries = UINT32_MAX, .initial_delay = milliseconds(1000), .backoff = 10};
  EXPECT_EQ(DecideRetry(policy, AttemptEnd::kUserError, budget).delay, std::chrono::hours(24));
}

}  // namespace
}  // namespace burrow::scheduler

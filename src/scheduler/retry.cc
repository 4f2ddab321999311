#include "scheduler/retry.h"

#include <algorithm>
#include <cmath>

namespace burrow::scheduler {
namespace {

// No pause is longer, whatever the backoff grows to.
constexpr std::chrono::milliseconds kLongestDelay = std::chrono::hours(24);

std::chrono::milliseconds DelayBefore(const RetryPolicy& policy, uint32_t retry) {
  const auto bound = policy.max_delay.count() > 0 ? std::min(policy.max_delay, kLongestDelay) : kLongestDelay;
  const double factor = policy.backoff > 0 ? policy.backoff : 1.0;  // 0 is "not set"; NaN compares false
  const double delay = static_cast<double>(policy.initial_delay.count()) * std::pow(factor, retry - 1);
  if (!(delay > 0)) return std::chrono::milliseconds(0);
  if (delay >= static_cast<double>(bound.count())) return bound;
  return std::chrono::milliseconds(static_cast<int64_t>(delay));
}

bool EndsContainer(AttemptEnd end) {
  return end == AttemptEnd::kCrashed || end == AttemptEnd::kOutOfMemory || end == AttemptEnd::kOutOfDisk;
}

}  // namespace

RetryDecision DecideRetry(const RetryPolicy& policy, AttemptEnd end, RetryBudget& budget) {
  if (end == AttemptEnd::kContainerLost) {
    ++budget.lost_containers;
    return {.verdict = budget.lost_containers <= kMaxLostContainers ? Verdict::kRetry : Verdict::kFail};
  }

  ++budget.user_failures;
  if (EndsContainer(end)) ++budget.crashes;
  if (budget.user_failures > policy.max_retries || budget.crashes >= kMaxCrashes) return {.verdict = Verdict::kFail};
  return {.verdict = Verdict::kRetry, .delay = DelayBefore(policy, budget.user_failures)};
}

}  // namespace burrow::scheduler
